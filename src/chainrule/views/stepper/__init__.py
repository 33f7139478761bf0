"""A graph as one offline page that plays, explains and recomputes both passes; `assets/` is the page itself."""
