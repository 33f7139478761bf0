"""A graph as a picture: its layout, as SVG, as DOT, as a file."""
