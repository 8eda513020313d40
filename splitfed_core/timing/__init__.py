"""The rules of time: standard library and numpy only."""
