"""Data sets and how they are partitioned among clients. Light to import: heavy things load when needed."""

from splitfed_core.arrays import IndexArray
from splitfed_core.data.dataset import ClientShard, Dataset, label_rows, make_shards
from splitfed_core.data.partitioners import partition
from splitfed_core.data.quality import warnings_of
from splitfed_core.data.sources import load_dataset

__all__ = [
    "ClientShard",
    "Dataset",
    "IndexArray",
    "label_rows",
    "load_dataset",
    "make_shards",
    "partition",
    "warnings_of",
]
