"""Networks, and how they are cut. Importing this loads TensorFlow."""

from splitfed_core.models.networks import build_model
from splitfed_core.models.split import SplitModel, split

__all__ = ["SplitModel", "build_model", "split"]
