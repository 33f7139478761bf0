"""Memory of compiled nodes: made and freed by the functions below instead of Python's own."""

from __future__ import annotations

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

from cython.cimports.chainrule._kernels import (
    Py_CLEAR,
    Py_DECREF,
    Py_SET_REFCNT,
    PyMem_Free,
    PyMem_Malloc,
    PyObject,
    PyObject_GC_Del,
    PyObject_GC_IsTracked,
    PyObject_GC_Track,
    PyObject_GC_UnTrackPointer,
    PyObject_Init,
    PyTraceMalloc_Track,
    PyTraceMalloc_Untrack,
    PyTypeObject,
    _PyObject_GC_New,
    _type_of,
    memcpy,
    memset,
    trim,
    visitproc,
)

from chainrule.core.flags import Flag
from chainrule.core.operands import Operands
from chainrule.core.pages import give_to_page, take_from_page, take_pattern
from chainrule.core.value import Value

# Dead nodes that wait to be used again, unknown to the cycle collector, their operands None and their reference
# count 0: taking one is many times cheaper than asking Python for memory.
KEPT = cython.declare(cython.int, 262144)
_kept = cython.declare(cython.p_void[262144])
_kept_count = cython.declare(cython.int, 0)
_most_kept = cython.declare(cython.int, 262144)
# Nodes that Python itself has made come first: small programs need no large page.
MADE_BY_PYTHON = cython.declare(cython.long, 2048)
BATCH = cython.declare(cython.int, 64)  # nodes that are taken from a page at once
_made_by_python = cython.declare(cython.long, 0)
# Nodes that died while another was being freed, each linked to the one before through the memory of its grad.
_dying = cython.declare(cython.pointer[PyObject], cython.NULL)
_freeing = cython.declare(cython.bint, False)
# The kept nodes are put in order of address again, see `_put_in_order`, when this many and as many as are kept
# were freed; and only at the end of a large graph, since while one is made most of them are taken.
FREED_IN_ORDER = cython.declare(cython.long, 65536)
LARGE = cython.declare(cython.long, 1024)
_freed = cython.declare(cython.long, 0)
_exact_type = cython.declare(cython.pointer[PyTypeObject], cython.NULL)
BUCKETS = cython.declare(cython.int, 65536)
_starts = cython.declare(cython.int[65536])
_in_order = cython.declare(cython.p_void[262144])


@cython.cfunc
def make_known(item: object) -> cython.void:
    """Show the cycle collector an object."""
    if not PyObject_GC_IsTracked(item):
        PyObject_GC_Track(item)


@cython.cfunc
@cython.inline
def take_node() -> Value:
    """Return a node that is a leaf of value 0, or whatever value the dead node had whose memory it takes."""
    global _kept_count
    if _kept_count == 0 and not _found_more():
        return Value.__new__(Value)
    _kept_count -= 1
    return cython.cast(Value, _kept[_kept_count])


@cython.cfunc
@cython.exceptval(check=False)
def _found_more() -> cython.bint:
    """Take nodes from a page to keep them, unless Python is to make them: few, or all for `tracemalloc` to see."""
    global _kept_count
    if _made_by_python < MADE_BY_PYTHON or not _most_kept:
        return False
    if PyTraceMalloc_Track(0, 0, 0) == 0:
        PyTraceMalloc_Untrack(0, 0)
        return False
    _kept_count = take_from_page(_kept, BATCH)
    return _kept_count != 0


@cython.cfunc
@cython.exceptval(check=False)
def _allocate(kind: cython.pointer[PyTypeObject], _count: cython.Py_ssize_t) -> cython.pointer[PyObject]:
    """Return memory for a node or its operands, unknown to the cycle collector (the types' `tp_alloc`)."""
    global _kept_count, _made_by_python
    header: cython.Py_ssize_t = cython.sizeof(PyObject)
    item: cython.pointer[PyObject]
    flags: cython.short = 0
    if kind is _exact_type and (_kept_count or _found_more()):
        _kept_count -= 1
        item = PyObject_Init(cython.cast(cython.pointer[PyObject], _kept[_kept_count]), kind)
        flags = cython.cast(Value, item)._flags
        _forget_none()
    else:
        item = _PyObject_GC_New(kind)
        _made_by_python += kind is _exact_type
    if item is not cython.NULL:
        memset(cython.cast(cython.p_char, item) + header, 0, kind.tp_basicsize - header)
        if flags:
            cython.cast(Value, item)._flags = flags
    return item


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _forget_none() -> cython.void:
    """Count off the three operands of a kept node, which are None."""
    Py_DECREF(None)
    Py_DECREF(None)
    Py_DECREF(None)


@cython.cfunc
@cython.exceptval(check=False)
def _deallocate(item: cython.pointer[PyObject]) -> cython.void:
    """End a node's life (the type's `tp_dealloc`), and that of operands which only it kept alive.

    These die one after the other, the last first, so that nothing recurses and memory is given back in about
    the order in which it was taken.
    """
    global _freeing, _dying, _freed
    before: cython.long = _freed
    if _type_of(item) is not _exact_type:
        PyObject_GC_UnTrackPointer(item)
        _drop_operands(item)
        _type_of(item).tp_free(item)
        return
    if cython.cast(Value, item)._flags & Flag.TRACKED:
        PyObject_GC_UnTrackPointer(item)
    if _freeing:
        memcpy(cython.address(cython.cast(Value, item)._grad), cython.address(_dying), cython.sizeof(cython.p_void))
        _dying = item
        return
    _freeing = True
    while item is not cython.NULL:
        _drop_operands(item)
        _keep_node(item)
        item = _dying
        if item is not cython.NULL:
            memcpy(cython.address(_dying), cython.address(cython.cast(Value, item)._grad), cython.sizeof(cython.p_void))
    _freeing = False
    if _freed > FREED_IN_ORDER + _kept_count and _freed - before > LARGE:
        _freed = 0
        _put_in_order()


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _drop_operands(item: cython.pointer[PyObject]) -> cython.void:
    if cython.cast(Value, item)._left is not None:
        cython.cast(Value, item)._left = None
    if cython.cast(Value, item)._right is not None:
        cython.cast(Value, item)._right = None
    if cython.cast(Value, item)._extra is not None:
        cython.cast(Value, item)._extra = None


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _keep_node(item: cython.pointer[PyObject]) -> cython.void:
    """Keep a dead node without operands for the next that is made, or give its memory back."""
    global _kept_count, _freed
    _freed += 1
    cython.cast(Value, item)._waiting = 0
    cython.cast(Value, item)._flags = cython.cast(Value, item)._flags & Flag.PAGED
    cython.cast(Value, item)._grad = 0.0
    cython.cast(Value, item)._left_slope = 0.0
    cython.cast(Value, item)._right_slope = 0.0
    if _kept_count >= _most_kept:
        _give_back(item)
        return
    _kept[_kept_count] = item
    _kept_count += 1


@cython.cfunc
@cython.exceptval(check=False)
def _give_back(item: cython.pointer[PyObject]) -> cython.void:
    """Give back the memory of a dead node that is not to be kept."""
    global _made_by_python
    if cython.cast(Value, item)._flags & Flag.PAGED:
        give_to_page(item)
        return
    _made_by_python -= 1
    _forget_none()
    PyObject_GC_Del(item)


def keep_dead_nodes(keep: bool) -> None:
    """Keep dead nodes for the next ones, as is usual, or give their memory back to Python.

    While none are kept, Python's own tools see every node that is made: `tracemalloc` tells where.
    """
    global _most_kept, _kept_count
    _most_kept = KEPT if keep else 0
    while _kept_count > _most_kept:
        _kept_count -= 1
        _give_back(cython.cast(cython.pointer[PyObject], _kept[_kept_count]))


def give_memory_back() -> None:
    """Give the system what C's library keeps of memory that was freed: the operands of a large graph."""
    trim()


@cython.cfunc
@cython.exceptval(check=False)
def _put_in_order() -> cython.void:
    """Sort the kept nodes so that they are taken by rising address.

    Each graph is freed in a slightly other order than it was made, so that after some twenty graphs the next
    would lie scattered over memory, and backward() would wait for the cache at every node. A counting sort;
    nodes further apart than 65,536 buckets allow are only put in order roughly.
    """
    i: cython.Py_ssize_t
    size: cython.int
    place: cython.int = 0
    shift: cython.int = 4
    address: cython.size_t
    low: cython.size_t = cython.cast(cython.size_t, _kept[0])
    high: cython.size_t = low
    for i in range(_kept_count):
        address = cython.cast(cython.size_t, _kept[i])
        low = min(low, address)
        high = max(high, address)
    while (high - low) >> shift >= BUCKETS:
        shift += 1
    memset(_starts, 0, cython.sizeof(_starts))
    for i in range(_kept_count):
        _starts[(cython.cast(cython.size_t, _kept[i]) - low) >> shift] += 1
    for i in range(BUCKETS - 1, -1, -1):
        size = _starts[i]
        _starts[i] = place
        place += size
    for i in range(_kept_count):
        address = (cython.cast(cython.size_t, _kept[i]) - low) >> shift
        _in_order[_starts[address]] = _kept[i]
        _starts[address] += 1
    memcpy(_kept, _in_order, _kept_count * cython.sizeof(cython.p_void))


# Blocks for the operands of dead n-ary nodes, by their number of operands: each points to the next.
BLOCK_SIZES = cython.declare(cython.int, 129)
_blocks = cython.declare(cython.p_void[129])
_block_room = cython.declare(cython.Py_ssize_t, 2_000_000)  # operands for which blocks may yet be kept: 32 MB


@cython.cfunc
def take_block(count: cython.Py_ssize_t) -> cython.p_double:
    """Return memory for the slopes and the pointers of this many operands."""
    global _block_room
    block: cython.p_void
    size: cython.size_t = cython.sizeof(cython.double) + cython.sizeof(cython.p_void)
    if count < BLOCK_SIZES and _blocks[count] is not cython.NULL:
        block = _blocks[count]
        _block_room += count
        _blocks[count] = cython.cast(cython.pointer[cython.p_void], block)[0]
    else:
        block = PyMem_Malloc((count + 1) * size)
        if block is cython.NULL:
            raise MemoryError
    return cython.cast(cython.p_double, block)


@cython.cfunc
@cython.exceptval(check=False)
def _give_block_back(block: cython.p_void, count: cython.Py_ssize_t) -> cython.void:
    global _block_room
    if block is cython.NULL or count >= BLOCK_SIZES or _block_room < count:
        PyMem_Free(block)
    else:
        cython.cast(cython.pointer[cython.p_void], block)[0] = _blocks[count]
        _blocks[count] = block
        _block_room -= count


@cython.cfunc
@cython.exceptval(check=False)
def _deallocate_operands(item: cython.pointer[PyObject]) -> cython.void:
    PyObject_GC_UnTrackPointer(item)
    Py_SET_REFCNT(item, 1)
    _clear_operands(item)
    _give_block_back(cython.cast(Operands, item).slopes, cython.cast(Operands, item).count)
    Py_SET_REFCNT(item, 0)
    PyObject_GC_Del(item)


@cython.cfunc
@cython.exceptval(check=False)
def _clear_operands(item: cython.pointer[PyObject]) -> cython.int:
    """Drop every operand (the type's `tp_clear`, for cycles)."""
    inner: Operands = cython.cast(Operands, item)
    place: cython.Py_ssize_t
    first: cython.Py_ssize_t = 0
    if inner.shared is not None:
        first = len(inner.shared.operands)
        memset(inner.items, 0, first * cython.sizeof(cython.p_void))
        inner.shared = None
    for place in range(first, inner.count):
        Py_CLEAR(inner.items[place])
    inner.attributes = None  # type: ignore[assignment]  # a dict of Cython's may be None
    return 0


@cython.cfunc
@cython.exceptval(check=False)
def _traverse_operands(item: cython.pointer[PyObject], visit: visitproc, context: cython.p_void) -> cython.int:
    """Show the cycle collector every operand (the type's `tp_traverse`)."""
    inner: Operands = cython.cast(Operands, item)
    place: cython.Py_ssize_t
    stop: cython.int
    first: cython.Py_ssize_t = 0
    if inner.shared is not None:
        first = len(inner.shared.operands)
        stop = visit(cython.cast(cython.pointer[PyObject], inner.shared), context)
        if stop:
            return stop
    for place in range(first, inner.count):
        if inner.items[place] is not cython.NULL:
            stop = visit(inner.items[place], context)
            if stop:
                return stop
    return visit(cython.cast(cython.pointer[PyObject], inner.attributes), context)


@cython.cfunc
def _take_over(value: cython.pointer[PyTypeObject], operands: cython.pointer[PyTypeObject]) -> cython.void:
    global _exact_type
    _exact_type = value
    value.tp_alloc = _allocate
    value.tp_dealloc = _deallocate
    operands.tp_alloc = _allocate
    operands.tp_dealloc = _deallocate_operands
    operands.tp_clear = _clear_operands
    operands.tp_traverse = _traverse_operands


_take_over(cython.cast(cython.pointer[PyTypeObject], Value), cython.cast(cython.pointer[PyTypeObject], Operands))
take_pattern(Value.__new__(Value))
