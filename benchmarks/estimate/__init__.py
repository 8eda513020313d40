"""What a cell would take: time, bytes, memory."""
