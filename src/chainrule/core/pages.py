"""Large pages for nodes: memory that the system hands out by pieces of 4 KiB costs more than the nodes in them."""

from __future__ import annotations

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

from sys import getsizeof

from cython.cimports.chainrule._kernels import (
    Page,
    Py_DECREF,
    Py_INCREF,
    Py_SET_REFCNT,
    PyObject,
    enlarge,
    free_page,
    memcpy,
    new_page,
)

from chainrule.core.flags import Flag
from chainrule.core.value import Value

PAGE_SIZE = cython.declare(cython.size_t, 2097152)  # of x86's large pages, and of most others
PAGE_HEADER = cython.declare(cython.size_t, 64)
COLLECTOR_HEADER = cython.declare(cython.size_t, 16)  # what the cycle collector keeps before an object
# A large page costs a tenth of the small ones in its place; but many times as much where a host has taken back the
# memory of a virtual machine, or memory is in pieces. After one that took so long come small ones: 8, then 16 …
SLOW_PAGE = cython.declare(cython.longlong, 1_000_000)  # nanoseconds
FIRST_SMALL = cython.declare(cython.long, 8)
_small_ahead = cython.declare(cython.long, 0)
_small_next = cython.declare(cython.long, 8)
LARGEST_NODE = cython.declare(cython.size_t, 256)
_pages = cython.declare(cython.pointer[Page], cython.NULL)  # those with room for nodes
_pattern = cython.declare(cython.char[256])  # a node as it is kept, with the collector's header before it
_node_size = cython.declare(cython.size_t, 0)
_nodes_in_page = cython.declare(cython.Py_ssize_t, 0)  # 0: no pages, since objects look otherwise here


@cython.cfunc
@cython.exceptval(check=False)
def take_from_page(nodes: cython.pointer[cython.p_void], most: cython.int) -> cython.int:
    """Put up to so many nodes into an array, that of the lowest address last; return how many, 0 if there are none."""
    page: cython.pointer[Page] = _pages
    count: cython.int = 0
    if not _nodes_in_page:
        return 0
    if page is cython.NULL:
        page = _new_page()
        if page is cython.NULL:
            return 0
    while count < most and page.dead is not cython.NULL:
        nodes[count] = page.dead
        memcpy(
            cython.address(page.dead),
            cython.address(cython.cast(Value, nodes[count])._grad),
            cython.sizeof(cython.p_void),
        )
        cython.cast(Value, nodes[count])._grad = 0.0
        count += 1
    if not count:
        count = _make_nodes(page, nodes, most)
    page.used += count
    if _is_full(page):
        _unlink(page)
    return count


@cython.cfunc
@cython.exceptval(check=False)
def _new_page() -> cython.pointer[Page]:
    """Return a page without nodes, among those with room; NULL if the system has none."""
    global _small_ahead, _small_next
    page: cython.pointer[Page] = new_page(PAGE_SIZE)
    if page is cython.NULL:
        return page
    if _small_ahead:
        _small_ahead -= 1
    elif enlarge(page, PAGE_SIZE) < SLOW_PAGE:
        _small_next = FIRST_SMALL
    else:
        _small_ahead = _small_next
        _small_next *= 2
    _link(page)
    return page


@cython.cfunc
@cython.exceptval(check=False)
def _make_nodes(page: cython.pointer[Page], nodes: cython.pointer[cython.p_void], most: cython.int) -> cython.int:
    """Make the page's next nodes."""
    count: cython.int = min(most, cython.cast(cython.int, _nodes_in_page - page.made))
    place: cython.p_char = cython.cast(cython.p_char, page) + PAGE_HEADER + page.made * _node_size
    i: cython.int
    for i in range(count - 1, -1, -1):
        memcpy(place, _pattern, _node_size)
        nodes[i] = place + COLLECTOR_HEADER
        place += _node_size
        Py_INCREF(None)
        Py_INCREF(None)
        Py_INCREF(None)
    page.made += count
    return count


@cython.cfunc
@cython.exceptval(check=False)
def give_to_page(item: cython.pointer[PyObject]) -> cython.void:
    """Give a dead node back to its page, and the page, if all of its nodes are dead, to the system."""
    page: cython.pointer[Page] = cython.cast(cython.pointer[Page], cython.cast(cython.size_t, item) & ~(PAGE_SIZE - 1))
    if _is_full(page):
        _link(page)
    memcpy(cython.address(cython.cast(Value, item)._grad), cython.address(page.dead), cython.sizeof(cython.p_void))
    page.dead = item
    page.used -= 1
    if not page.used:
        _unlink(page)
        for _ in range(3 * page.made):
            Py_DECREF(None)
        free_page(page, PAGE_SIZE)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _is_full(page: cython.pointer[Page]) -> cython.bint:
    return page.dead is cython.NULL and page.made == _nodes_in_page


@cython.cfunc
@cython.exceptval(check=False)
def _link(page: cython.pointer[Page]) -> cython.void:
    global _pages
    page.before = cython.NULL
    page.next = _pages
    if _pages is not cython.NULL:
        _pages.before = page
    _pages = page


@cython.cfunc
@cython.exceptval(check=False)
def _unlink(page: cython.pointer[Page]) -> cython.void:
    global _pages
    if page.before is cython.NULL:
        _pages = page.next
    else:
        page.before.next = page.next
    if page.next is not cython.NULL:
        page.next.before = page.before


@cython.cfunc
def take_pattern(node: Value) -> cython.void:
    """Learn from a node that nobody has used what one looks like."""
    global _node_size, _nodes_in_page
    item: cython.pointer[PyObject] = cython.cast(cython.pointer[PyObject], node)
    own: cython.size_t = Value.__basicsize__
    header: cython.size_t = getsizeof(node) - own
    if header != COLLECTOR_HEADER or header + own > LARGEST_NODE or (header + own) % 16:
        return
    _node_size = header + own
    memcpy(_pattern, cython.cast(cython.p_char, item) - header, _node_size)
    item = cython.cast(cython.pointer[PyObject], cython.address(_pattern[header]))
    Py_SET_REFCNT(item, 0)
    cython.cast(Value, item)._flags = Flag.PAGED
    _nodes_in_page = (PAGE_SIZE - PAGE_HEADER) // _node_size
