"""A graph as data for people: names, groups, numbers, lines, in one versioned schema."""
