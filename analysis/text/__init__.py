"""All words for numbers and values."""
