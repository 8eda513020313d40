"""What the instrument itself costs: ratios within one run of one machine. `python -m benchmarks.own_cost --help`."""
