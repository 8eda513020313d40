"""U-shaped split learning with a federated outside: head and tail with the clients, the body with the main server.

Vepakomma, Gupta, Swedish, Raskar: "Split learning for health: Distributed deep learning without sharing raw patient
data", 2018, the configuration without label sharing; aggregated as in SplitFedV2. A step makes two exchanges
(`ledger.UShapeLedger`), else the clients do what they do there.
"""

from splitfed_core.algorithms.sflv2 import client_update

__all__ = ["client_update"]
