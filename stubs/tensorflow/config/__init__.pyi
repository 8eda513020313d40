from tensorflow.config import threading as threading
