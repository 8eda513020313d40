"""`algorithm: notebook`: the course work that sfbench grew out of, done again in its way, as the honest "before".

Its way: an eager tape on both sides, Keras' optimizer, messages of lists of floats, a pool of gRPC threads that step
the shared server-side model without a lock, TensorFlow's default threads, wall clocks, a process for every client.

Mended is only what kept it from running to its end: optimizers are built before the first call (half of the notebook's
starts failed there), waiting has a deadline, an average cannot be cleared while others still wait for it, and the
servers listen on a free loopback port and ask for the run's token. Times are ours, taken around the whole step: its own
come from the wall clocks of two processes and cannot be phases.
"""
