"""The table of accuracies, from results worked out by hand."""

import json

import pandas as pd

from analysis.own_cost.codec_accuracy import accuracy_table

RAW = {"codec": "raw", "gradient_codec": "raw"}
NEAR = {"codec": "int8", "gradient_codec": "int8"}
FAR = {"codec": {"name": "topk", "share": 0.01}, "model_codec": {"name": "int4", "feedback": True}}


def results() -> pd.DataFrame:
    """Ten seeds: one codec half a point below raw, the other ten points, and one of the two by a loss of 0.2."""
    lines = [
        (json.dumps(codecs), seed, 0.9 + seed / 1000 - below, 0.3 + more, 0.1, size)
        for codecs, below, more, size in ((RAW, 0.0, 0.0, 1000), (NEAR, 0.005, 0.01, 250), (FAR, 0.1, 0.2, 40))
        for seed in range(10)
    ]
    names = ["codecs", "seed", "final_eval_accuracy", "final_eval_loss", "final_train_loss", "bytes_per_round"]
    return pd.DataFrame(lines, columns=names)


def test_each_codec_is_held_against_raw_seed_by_seed() -> None:
    assert accuracy_table(results()).splitlines()[2:] == [
        "| raw, both ways | 10 | 90.5 % | – | – | 100 % | – |",
        "| int8, both ways | 10 | 90.0 % | -0.5 (-0.5 … -0.5) | +0.010 (+0.010 … +0.010) | 25.0 % | yes |",
        "| smashed topk 1 %, models int4 + feedback | 10 | 80.5 % | -10.0 (-10.0 … -10.0) | "
        "+0.200 (+0.200 … +0.200) | 4.0 % | no |",
    ]


def test_few_seeds_show_nothing() -> None:
    few = results()
    int8 = accuracy_table(few[few["seed"] < 3]).splitlines()[3]
    assert int8.endswith("(-inf … +inf) | +0.010 (-inf … +inf) | 25.0 % | no |")
