"""How far the emulated links are off: witnesses that do not know the rules of time. `sfbench verify --links`."""
