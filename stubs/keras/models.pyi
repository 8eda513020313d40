from pathlib import Path

from keras import Model

def load_model(filepath: str | Path) -> Model: ...
