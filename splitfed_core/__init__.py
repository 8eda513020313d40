"""Split federated learning over real processes: the method, without grids, sweeps or figures."""
