"""The analysis of a run, in cells: editors that know `# %%` (VS Code, Spyder, PyCharm, Jupytext) run it as a notebook.

`nox -s bench` makes the run that it reads, runs/quick.
"""

# %% Load: what was varied, and how it ended
from pathlib import Path

import sfbench

RUN = Path("runs/quick")
results = sfbench.load(RUN)  # several runs are joined: sfbench.load(RUN, OTHER)
print(results.axes)
print(results.cells["status"].value_counts())

# %% One line per cell and repeat, with every metric as a column: pandas does the rest
rates = results.ok.groupby("clients")["samples_per_s"].agg(["mean", "std", "count"])
print(rates)

# %% What a metric means, its unit, and whether more of it is better
metric = sfbench.METRICS["samples_per_s"]
print(metric)

# %% Where does the time of a step go? Phases share their boundary stamps, so they sum to the step
figure = sfbench.FIGURES["phases"].draw(results, sfbench.Choice())
figure.savefig("phases.png")

# %% By what do two cells differ? Any axis can be x, hue or facet
sfbench.FIGURES["throughput"].draw(results, sfbench.Choice(x="clients")).savefig("throughput.png")

# %% The whole report, as `sfbench report` writes it
print(sfbench.report([RUN], Path("reports/mine")))
