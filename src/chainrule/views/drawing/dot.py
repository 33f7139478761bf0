"""`draw_dot`: the graph of a Value as an object that gives pictures, files and notebook displays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import overload

from chainrule.errors import ArgumentError
from chainrule.files import write_whole
from chainrule.graph import Value, excerpt, require_value
from chainrule.views.drawing.page import DIRECTIONS, page_of
from chainrule.views.drawing.picture import Picture, picture_of
from chainrule.views.drawing.source import source_of
from chainrule.views.drawing.svg import svg_of
from chainrule.views.notebooks.values import image_html

# How many connections are drawn: a tenth is easy to read, ten times is readable in no layout.
LIMIT = 1000
FORMATS = ("svg", "png", "pdf", "dot")


def draw_dot(
    root: Value,
    format: str = "svg",  # noqa: A002 (graphviz's name for it)
    rankdir: str = "LR",
    expand: bool = True,
) -> Drawing:
    """Draw the graph that ends in `root`, as it is now, with its data and gradients.

    Of a huge graph the part nearest to `root` is drawn, with a node that says how much is left out.

    Args:
        root: where the graph ends.
        format: what `render` and `pipe` give: "svg", which needs nothing installed, "png" or "pdf",
            which need Graphviz (the `draw` extra), or "dot", the text itself.
        rankdir: the direction of the arrows, "LR", "RL", "TB" or "BT".
        expand: draw sum and dot nodes as the products and sums that they stand for.

    Raises:
        NumberError: root is not a Value.
        ArgumentError: there is no such format or direction.
    """
    require_value(root, "draw_dot")
    if rankdir not in DIRECTIONS:
        known = ", ".join(map(repr, DIRECTIONS))
        raise ArgumentError(f"draw_dot() got rankdir={rankdir!r}: give one of {known}")
    return Drawing(picture_of(excerpt(root, LIMIT), expand=expand), rankdir, _known(format))


class Drawing:
    """A drawn graph, used like `graphviz.Digraph`, which shows itself in notebooks.

    Attributes:
        source: the graph in Graphviz's language, for any other program.
        format: what `render` and `pipe` give unless told otherwise.
    """

    def __init__(self, picture: Picture, rankdir: str, file_format: str) -> None:
        self._picture = picture
        self._rankdir = rankdir
        self.source = source_of(picture, rankdir)
        self.format = file_format

    @overload
    def pipe(self, format: str | None = None, encoding: None = None) -> bytes: ...
    @overload
    def pipe(self, format: str | None = None, *, encoding: str) -> str: ...
    def pipe(
        self,
        format: str | None = None,  # noqa: A002 (graphviz's name for it)
        encoding: str | None = None,
    ) -> bytes | str:
        """Return the drawing as bytes, or as text when an encoding is given.

        Raises:
            MissingLibraryError: the format needs a Graphviz that is not there.
        """
        drawn = self._drawn(_known(format or self.format))
        return drawn if encoding is None else drawn.decode(encoding)

    def render(
        self,
        filename: str | os.PathLike[str] = "Digraph.gv",
        directory: str | os.PathLike[str] = "",
        view: bool = False,
        cleanup: bool = False,
        format: str | None = None,  # noqa: A002 (graphviz's name for it)
    ) -> str:
        """Write the DOT text to `filename` and the picture beside it, and return the picture's path.

        As in graphviz the picture is `filename` with the format appended; a `filename` that ends in
        the format already is the picture itself. With `cleanup` the DOT text is not written; with `view` the
        picture opens in the web browser.
        Each file is replaced as a whole or not at all.

        Raises:
            MissingLibraryError: the format needs a Graphviz that is not there; nothing is written.
            WriteError: a file cannot be written.
        """
        file_format = _known(format or self.format)
        path = _file(filename, directory)
        drawn = self._drawn(file_format)
        if path.suffix == f".{file_format}":
            source, picture = path.with_suffix(".gv"), path
        else:
            source, picture = path, path.with_name(f"{path.name}.{file_format}")
        if not cleanup:
            write_whole(source, self.source.encode(), parents=True)
        write_whole(picture, drawn, parents=True)
        if view:
            import webbrowser

            webbrowser.open(picture.resolve().as_uri())
        return str(picture)

    def view(
        self,
        filename: str | os.PathLike[str] = "Digraph.gv",
        directory: str | os.PathLike[str] = "",
        cleanup: bool = False,
    ) -> str:
        """Write the picture, open it in the web browser, and return its path; the errors are those of `render`."""
        return self.render(filename, directory, view=True, cleanup=cleanup)

    def save(self, filename: str | os.PathLike[str] = "Digraph.gv", directory: str | os.PathLike[str] = "") -> str:
        """Write the DOT text and return its path.

        Raises:
            WriteError: the file cannot be written; what was there is unchanged.
        """
        path = _file(filename, directory)
        write_whole(path, self.source.encode(), parents=True)
        return str(path)

    def _drawn(self, file_format: str) -> bytes:
        if file_format == "dot":
            return self.source.encode()
        page = page_of(self._picture, self._rankdir)
        if file_format == "svg":
            return svg_of(page).encode()
        from chainrule.views.drawing.engines import graphviz

        return graphviz(source_of(self._picture, self._rankdir, page), file_format)

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        return f"<Drawing: {self._picture.title}>"

    def _repr_html_(self) -> str:
        return image_html(self._drawn("svg"), self._picture.title)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        del include, exclude  # the caller chooses among all of these
        svg = self._drawn("svg")
        return {
            "text/html": image_html(svg, self._picture.title),
            "image/svg+xml": svg.decode(),
            "text/plain": repr(self),
        }


def _known(file_format: str) -> str:
    if file_format in FORMATS:
        return file_format
    raise ArgumentError(f"a drawing has no format {file_format!r}: give one of {', '.join(FORMATS)}")


def _file(filename: str | os.PathLike[str], directory: str | os.PathLike[str]) -> Path:
    path = Path(directory, filename)
    if not os.fspath(filename) or path.is_dir():
        raise ArgumentError(f"a drawing cannot be written to {str(path)!r}: give the name of a file")
    return path
