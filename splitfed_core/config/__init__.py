"""The parameters of a cell: validated, and which of them mean something for which algorithm."""
