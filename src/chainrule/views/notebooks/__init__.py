"""How Values, models and trainings show themselves in a notebook."""
