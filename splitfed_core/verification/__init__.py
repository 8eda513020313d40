"""What must be true of the algorithms, and the plain trainings they are held against."""
