"""The noise of a machine."""
