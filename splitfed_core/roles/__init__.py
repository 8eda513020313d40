"""Clients, main server and fed server."""
