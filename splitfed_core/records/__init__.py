"""The border between measuring and analysing: typed, versioned records. Standard library only."""
