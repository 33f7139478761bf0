"""Functions, trainings, boundaries and weights as matplotlib pictures in one style."""
