"""How the tensors of a cell are encoded on either side, and how large its messages can get."""

from collections.abc import Mapping, Sequence

import numpy as np

from splitfed_core.arrays import Array
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.config.choice import Named
from splitfed_core.config.codec_choice import DELTA, has_feedback, without_feedback
from splitfed_core.records.results import EVALUATION_BATCH, CellKey, ModelFacts
from splitfed_core.wire.call import WEIGHTS
from splitfed_core.wire.codecs import make_codec
from splitfed_core.wire.codecs.base import Codec, Limit
from splitfed_core.wire.codecs.raw import RAW
from splitfed_core.wire.layers.codec import Coder, PlainCoder
from splitfed_core.wire.layers.cut_coder import CutCodecs, CutCoder
from splitfed_core.wire.layers.example_memory import header_bytes
from splitfed_core.wire.layers.model_coder import AggregateCoder, EncodedOnce, ModelCodecs, ModelCoder

_FLOAT = np.dtype(np.float32)


def codec_of(choice: Named | None) -> Codec:
    """Return the codec of a parameter; raw where it has no effect."""
    return RAW if choice is None else make_codec(without_feedback(choice))


def remembers_examples(config: CellConfig) -> bool:
    """Tell whether both sides remember what each example sent across a cut last."""
    return config.codec is not None and config.codec.name == DELTA


def cut_coder(
    key: CellKey, config: CellConfig, examples: Mapping[int, int], most_bytes: int, max_message_bytes: int
) -> Coder:
    """Return one side's coder of what crosses the cuts of a cell.

    Args:
        key: Cell, repeat and seed.
        config: The cell.
        examples: Number of examples of each client, as far as this side has to do with them.
        most_bytes: The most that an example has at a cut.
        max_message_bytes: No message is larger, and no tensor of one.
    """
    forward, backward, limit = codec_of(config.codec), codec_of(config.gradient_codec), Limit(max_message_bytes)
    if forward is backward is RAW:
        return PlainCoder({}, limit)
    return CutCoder(
        CutCodecs(
            forward=forward,
            backward=backward,
            remembers=remembers_examples(config),
            seed=key.seed,
            limit=limit,
            most_bytes=most_bytes,
            examples=examples,
            evaluates_outputs=config.method.cuts == 2,
        )
    )


def model_coder(key: CellKey, config: CellConfig, start: Sequence[Array], max_message_bytes: int) -> Coder:
    """Return the clients' coder of models; `start` are the weights that all of them begin with."""
    codecs = _model_codecs(key, config, start, max_message_bytes)
    if codecs.codec.lossless:
        return PlainCoder(dict.fromkeys(WEIGHTS, codecs.codec), codecs.limit)
    return ModelCoder(codecs)


def aggregate_coder(key: CellKey, config: CellConfig, start: Sequence[Array], max_message_bytes: int) -> Coder:
    """Return the fed server's coder of models."""
    codecs = _model_codecs(key, config, start, max_message_bytes)
    return EncodedOnce(codecs.codec, codecs.limit) if codecs.codec.lossless else AggregateCoder(codecs)


def _model_codecs(key: CellKey, config: CellConfig, start: Sequence[Array], max_message_bytes: int) -> ModelCodecs:
    codec = codec_of(config.model_codec)
    own = () if codec.lossless else tuple(np.array(array) for array in start)
    return ModelCodecs(codec, own, has_feedback(config.model_codec), key.seed, Limit(max_message_bytes))


def largest_message_bytes(config: CellConfig, facts: ModelFacts) -> int:
    """Return how large a message of a cell can get, as far as its codecs can make tensors grow."""
    largest = facts.largest_message_bytes(config.batch_size)
    batch, row = max(config.batch_size, EVALUATION_BATCH), facts.largest_bytes_per_example // _FLOAT.itemsize
    grown = [
        *(_growth(codec_of(choice), (batch, row)) for choice in (config.codec, config.gradient_codec)),
        _growth(codec_of(config.model_codec), (1, facts.client_parameter_bytes // _FLOAT.itemsize)),
        header_bytes(batch) if remembers_examples(config) else 0,
    ]
    return largest + max(grown)


def _growth(codec: Codec, shape: tuple[int, int]) -> int:
    return max(0, codec.max_bytes(shape, _FLOAT) - RAW.max_bytes(shape, _FLOAT))
