"""One file per algorithm: what the clients of a process do in a round, written like the paper's pseudocode."""
