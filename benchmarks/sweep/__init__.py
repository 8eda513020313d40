"""Running a plan, resumably."""
