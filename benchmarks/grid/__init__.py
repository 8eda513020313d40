"""Grid files: read, checked, expanded into a plan."""
