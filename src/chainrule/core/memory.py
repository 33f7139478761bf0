"""Memory of compiled nodes: made and freed by the functions below instead of Python's own."""

from __future__ import annotations

try:
    import cython
except ImportError:
    from chainrule.core import cython_shim as cython

from cython.cimports.chainrule._kernels import (
    Py_CLEAR,
    Py_SET_REFCNT,
    PyMem_Free,
    PyMem_Malloc,
    PyObject,
    PyObject_GC_Del,
    PyObject_GC_IsTracked,
    PyObject_GC_Track,
    PyObject_GC_UnTrackPointer,
    PyObject_Init,
    PyTypeObject,
    _PyObject_GC_New,
    _type_of,
    memset,
    visitproc,
)

from chainrule.core.operands import Operands
from chainrule.core.value import Value

# Dead nodes that wait to be used again: taking one is many times cheaper than asking Python for memory.
KEPT = cython.declare(cython.int, 65536)
_kept = cython.declare(cython.p_void[65536])
_kept_count = cython.declare(cython.int, 0)
# How many frees may nest before the rest is put off; deep chains would exhaust the C stack otherwise.
FREE_DEPTH = cython.declare(cython.int, 100)
_free_depth = cython.declare(cython.int, 0)
_to_free = cython.declare(list, [])


@cython.cfunc
def make_known(item: object) -> cython.void:
    """Show the cycle collector an object."""
    if not PyObject_GC_IsTracked(item):
        PyObject_GC_Track(item)


@cython.cfunc
@cython.exceptval(check=False)
def _allocate(kind: cython.pointer[PyTypeObject], _count: cython.Py_ssize_t) -> cython.pointer[PyObject]:
    """Return memory for a node, unknown to the cycle collector (the type's `tp_alloc`)."""
    global _kept_count
    item: cython.pointer[PyObject]
    if _kept_count:
        _kept_count -= 1
        item = cython.cast(cython.pointer[PyObject], _kept[_kept_count])
        memset(item, 0, kind.tp_basicsize)
        return PyObject_Init(item, kind)
    item = _PyObject_GC_New(kind)
    if item is not cython.NULL:
        header: cython.Py_ssize_t = cython.sizeof(PyObject)
        memset(cython.cast(cython.p_char, item) + header, 0, kind.tp_basicsize - header)
    return item


@cython.cfunc
@cython.exceptval(check=False)
def _free_node(item: cython.p_void) -> cython.void:
    """Take back the memory of a node (the type's `tp_free`)."""
    global _kept_count
    if _kept_count < KEPT:
        _kept[_kept_count] = item
        _kept_count += 1
    else:
        PyObject_GC_Del(item)


@cython.cfunc
@cython.exceptval(check=False)
def _deallocate(item: cython.pointer[PyObject]) -> cython.void:
    """End a node's life (the type's `tp_dealloc`)."""
    PyObject_GC_UnTrackPointer(item)
    # alive again while its operands are let go, so that handling it as an object cannot end it twice
    Py_SET_REFCNT(item, 1)
    _let_go(cython.cast(Value, item))
    Py_SET_REFCNT(item, 0)
    _type_of(item).tp_free(item)


@cython.cfunc
@cython.exceptval(check=False)
def _let_go(node: Value) -> cython.void:
    """Drop a node's operands. That may free them, and theirs: beyond a depth they are put off to a list."""
    global _free_depth
    if _free_depth < FREE_DEPTH:
        _free_depth += 1
        node._left = None
        node._right = None
        node._extra = None
        if _free_depth == 1:
            while _to_free:
                _to_free.pop()
        _free_depth -= 1
    else:
        if node._left is not None:
            _to_free.append(node._left)
            node._left = None
        if node._right is not None:
            _to_free.append(node._right)
            node._right = None
        if node._extra is not None:
            _to_free.append(node._extra)
            node._extra = None


# Blocks for the operands of dead n-ary nodes, by their number of operands: each points to the next.
BLOCK_SIZES = cython.declare(cython.int, 129)
_blocks = cython.declare(cython.p_void[129])


@cython.cfunc
def take_block(count: cython.Py_ssize_t) -> cython.p_double:
    """Return memory for the slopes and the pointers of this many operands."""
    block: cython.p_void
    size: cython.size_t = cython.sizeof(cython.double) + cython.sizeof(cython.p_void)
    if count < BLOCK_SIZES and _blocks[count] is not cython.NULL:
        block = _blocks[count]
        _blocks[count] = cython.cast(cython.pointer[cython.p_void], block)[0]
    else:
        block = PyMem_Malloc((count + 1) * size)
        if block is cython.NULL:
            raise MemoryError
    return cython.cast(cython.p_double, block)


@cython.cfunc
@cython.exceptval(check=False)
def _give_block_back(block: cython.p_void, count: cython.Py_ssize_t) -> cython.void:
    if block is cython.NULL or count >= BLOCK_SIZES:
        PyMem_Free(block)
    else:
        cython.cast(cython.pointer[cython.p_void], block)[0] = _blocks[count]
        _blocks[count] = block


@cython.cfunc
@cython.exceptval(check=False)
def _allocate_operands(kind: cython.pointer[PyTypeObject], _count: cython.Py_ssize_t) -> cython.pointer[PyObject]:
    item: cython.pointer[PyObject] = _PyObject_GC_New(kind)
    if item is not cython.NULL:
        header: cython.Py_ssize_t = cython.sizeof(PyObject)
        memset(cython.cast(cython.p_char, item) + header, 0, kind.tp_basicsize - header)
    return item


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
    for place in range(inner.count):
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
    for place in range(inner.count):
        if inner.items[place] is not cython.NULL:
            stop = visit(inner.items[place], context)
            if stop:
                return stop
    return visit(cython.cast(cython.pointer[PyObject], inner.attributes), context)


@cython.cfunc
def _take_over(value: cython.pointer[PyTypeObject], operands: cython.pointer[PyTypeObject]) -> cython.void:
    value.tp_alloc = _allocate
    value.tp_free = _free_node
    value.tp_dealloc = _deallocate
    operands.tp_alloc = _allocate_operands
    operands.tp_dealloc = _deallocate_operands
    operands.tp_clear = _clear_operands
    operands.tp_traverse = _traverse_operands


_take_over(cython.cast(cython.pointer[PyTypeObject], Value), cython.cast(cython.pointer[PyTypeObject], Operands))
