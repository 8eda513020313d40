from tensorflow.compat.v1 import profiler as profiler
