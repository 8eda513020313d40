"""How split federated learning is measured: grids, plans, sweeps, and the processes that run them."""
