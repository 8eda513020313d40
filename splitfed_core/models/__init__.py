"""Networks, and how they are cut. Importing this loads TensorFlow."""

from splitfed_core.models.build import build_model, is_own
from splitfed_core.models.split import SplitModel, UShapeModel, split, split_ushape

__all__ = ["SplitModel", "UShapeModel", "build_model", "is_own", "split", "split_ushape"]
