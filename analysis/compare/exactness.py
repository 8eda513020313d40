"""Which numbers of a cell repeat to the bit when nothing changed: they are compared as they are, without statistics."""

from collections.abc import Mapping

from splitfed_core.records.metrics import ADDITIVE, Metric

_CODECS = ("codec", "gradient_codec", "model_codec")
_FIXED_SIZE = frozenset({"raw", "repeated", "fp16", "bf16", "fp8", "int8", "int4", "int2", "topk", "randtopk", "delta"})
"""The codecs whose payload is as long whatever the values are; one that is not known here may be any length.

How much `delta` sends depends on which examples were seen before, which the seed says.
"""


def repeats(metric: Metric, parameters: Mapping[str, object]) -> bool:
    """Tell whether a metric of a cell repeats exactly, by the cell's parameters.

    Parameters before the cut always do. Bytes and calls do where nothing is lost and sent again, and messages have a
    fixed size or, in a fixed order, the same content. Losses and accuracies do in a fixed order. Times never do.
    """
    if metric.kind not in (*ADDITIVE, "bytes", "count"):
        return False
    if metric.name == "client_parameters":
        return True
    if parameters.get("faults"):
        return False
    in_order = parameters.get("order") == "fixed"
    return in_order or (metric.exact and all(_fixed_size(parameters.get(name)) for name in _CODECS))


def _fixed_size(codec: object) -> bool:
    """Tell whether a codec, as a cell's parameter, makes messages of a fixed size; none at all is raw."""
    if isinstance(codec, Mapping):
        return codec.get("name") in _FIXED_SIZE and not codec.get("then")
    return codec is None or codec in _FIXED_SIZE
