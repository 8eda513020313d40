"""Two sides measured in turn."""
