"""One file per algorithm: what the clients of a process do in a round, written like the paper's pseudocode."""

from splitfed_core.algorithms import central, fl, sflv1, sflv2, sl, ushape

CLIENT_UPDATE = {
    "sflv1": sflv1.client_update,
    "sflv2": sflv2.client_update,
    "sl": sl.client_update,
    "ushape": ushape.client_update,
    "fl": fl.client_update,
    "central": central.client_update,
}
"""What clients do in a round, by the value of `algorithm`."""
