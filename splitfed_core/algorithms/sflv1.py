"""SplitFedV1: every client has a copy of the server-side model; both sides are averaged after each round.

Thapa, Chamikara, Camtepe, Sun: "SplitFed: When Federated Learning Meets Split Learning", AAAI 2022, Algorithms 1 and 2.
What the clients do is SplitFedV2's. The difference is the main server's: it trains a copy per client, in parallel, and
averages them when the last client's round has ended (`server.MainServer` with `copies=True`).
"""

from splitfed_core.algorithms.sflv2 import client_update

__all__ = ["client_update"]
