"""What the instrument itself costs, reported."""
