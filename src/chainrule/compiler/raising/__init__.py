"""From a program of single scalars to classes of alike scalars, and from those to their derivative."""
