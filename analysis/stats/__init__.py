"""Tests, intervals, verdicts: numbers in, numbers out."""
