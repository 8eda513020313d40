"""How an array becomes bytes: one file per codec, and its name here."""

from splitfed_core.wire.codecs.base import Codec
from splitfed_core.wire.codecs.raw import RAW

CODECS: dict[str, Codec] = {codec.name: codec for codec in (RAW,)}
"""Every codec, by its name on the wire."""
