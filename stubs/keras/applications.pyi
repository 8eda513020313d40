from collections.abc import Callable

from keras import Model

def __getattr__(name: str) -> Callable[..., Model]: ...
