"""Networks, and how they are cut. Importing this loads TensorFlow."""

from splitfed_core.models.build import build_model
from splitfed_core.models.split import SplitModel, UShapeModel, split, split_ushape

__all__ = ["SplitModel", "UShapeModel", "build_model", "split", "split_ushape"]
