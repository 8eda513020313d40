"""A cell as a whole: who takes part, the rounds, and how the roles are built."""
