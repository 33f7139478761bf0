"""Reads the HTML of notebook displays: tags, images, tables, and the SVG inside an image's address."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

# What an untrusted notebook keeps; anything else would vanish there.
KEPT = {"div", "img", "details", "summary", "table", "tr", "th", "td", "p", "b"}
SVG = "{http://www.w3.org/2000/svg}"


class Reader(HTMLParser):
    """Collects tags, the attributes of the last image and the last frame, the tables' rows, and the words elsewhere."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.image: dict[str, str | None] = {}
        self.frame: dict[str, str | None] = {}
        self.rows: list[list[str]] = []
        self.words = ""
        self._in_cell = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "img":
            self.image = dict(attrs)
        elif tag == "iframe":
            self.frame = dict(attrs)
        elif tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data
        else:
            self.words += data


def images(html: str) -> list[ElementTree.Element]:
    """The SVG documents in the addresses of images; an ill-formed one raises."""
    addresses = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', html)
    return [ElementTree.fromstring(base64.b64decode(address)) for address in addresses]


def texts(svg: ElementTree.Element) -> list[str]:
    """What is written in a picture, in its order."""
    return [element.text or "" for element in svg.iter(f"{SVG}text")]
