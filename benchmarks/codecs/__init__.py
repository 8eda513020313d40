"""What each codec costs and loses, on what really crosses a cut."""
