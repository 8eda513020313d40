"""How an array becomes bytes: one file per codec."""
