"""How an array becomes bytes: one file per codec, and its name in `registry.py`."""

from splitfed_core.wire.codecs.registry import CODECS, CodecType, canonical, make_codec

__all__ = ["CODECS", "CodecType", "canonical", "make_codec"]
