"""The chain rule in words and numbers, as text, LaTeX, HTML and a tree."""
