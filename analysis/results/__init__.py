"""Run directories, read into tables."""
