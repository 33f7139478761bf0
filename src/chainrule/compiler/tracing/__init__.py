"""What a function did with its arguments: its program, and what Python looked at on the way."""
