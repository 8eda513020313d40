"""Random streams by name: the same names give the same stream, whatever else exists beside them.

A stream is named by hashing, never by position, so that adding a client or a cell changes no other's numbers.
"""

import hashlib

import numpy as np

_SEED_BITS = 31  # TensorFlow and scikit-learn take seeds below 2**31


def derive(*names: str | int) -> int:
    """Hash names into a seed in [0, 2**31): `derive(root, "batches", client_id, round)`."""
    text = "\x1f".join(f"{type(name).__name__}:{name}" for name in names)
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - _SEED_BITS)


def stream(*names: str | int) -> np.random.Generator:
    """Return the generator that belongs to these names."""
    return np.random.default_rng(derive(*names))
