"""`python -m analysis.own_cost.codec_accuracy DIR`: print what codecs did to accuracy, as the guide's table.

Each codec is held against raw, seed by seed: the Hodges–Lehmann estimate of the difference and its exact bounds at 5 %
on either side. It is equivalent where both lie within the margins that the gate has for accuracy and loss.
"""

import json
import sys
from pathlib import Path

import pandas as pd

from analysis.stats.signed_rank import signed_rank
from analysis.text.parameters import codec_words
from splitfed_core.records.metrics import MIN_EFFECT, Kind

_ALPHA = 0.05
_RAW = json.dumps({"codec": "raw", "gradient_codec": "raw"})
_PARTS = {"codec": "smashed", "gradient_codec": "gradient", "model_codec": "models"}
_HEADINGS = ("codecs", "seeds", "accuracy", "points more than raw", "test loss more than raw", "bytes", "equivalent")


def accuracy_table(results: pd.DataFrame) -> str:
    """Return the table in Markdown, codecs in the order in which they were trained."""
    lines = [f"| {' | '.join(_HEADINGS)} |", "|---|--:|--:|--:|--:|--:|---|"]
    raw = results[results["codecs"] == _RAW]
    for name in results["codecs"].unique():
        own = results[results["codecs"] == name]
        pairs = own.merge(raw, on="seed", suffixes=("", "_raw"))
        share = own["bytes_per_round"].mean() / raw["bytes_per_round"].mean()
        cells = [_said(name), str(len(pairs)), f"{100 * own['final_eval_accuracy'].mean():.1f} %"]
        if name == _RAW:
            cells += ["–", "–", "100 %", "–"]
        else:
            points, accuracy_fits = _against(pairs, "final_eval_accuracy", 100.0, "accuracy")
            loss, loss_fits = _against(pairs, "final_eval_loss", 1.0, "loss")
            cells += [points, loss, f"{100 * share:.1f} %", "yes" if accuracy_fits and loss_fits else "no"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _against(pairs: pd.DataFrame, column: str, scale: float, kind: Kind) -> tuple[str, bool]:
    """Return the difference from raw with its bounds, and whether these lie within the margin."""
    differences = signed_rank((pairs[column] - pairs[f"{column}_raw"]).to_numpy())
    low, high = (float(bound) for bound in differences.bounds(_ALPHA))
    margin = MIN_EFFECT[kind]
    digits = 1 if scale > 1 else 3
    shown = [f"{scale * value:+.{digits}f}" for value in (float(differences.estimate), low, high)]
    return f"{shown[0]} ({shown[1]} … {shown[2]})", -margin <= low and high <= margin


def _said(codecs: str) -> str:
    parts = json.loads(codecs)
    if set(parts) == {"codec", "gradient_codec"} and parts["codec"] == parts["gradient_codec"]:
        return f"{codec_words(parts['codec'])}, both ways"
    return ", ".join(f"{_PARTS[name]} {codec_words(value)}" for name, value in parts.items())


if __name__ == "__main__":
    print(accuracy_table(pd.read_csv(Path(sys.argv[1]) / "codec_accuracy.csv")))
