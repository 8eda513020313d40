"""The machine and the code that a measurement was made with."""
