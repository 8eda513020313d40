"""What is put round an exchange: one file per layer, and a line in `stack.py`."""
