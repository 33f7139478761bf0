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
# Nodes whose turn to be freed has not come: each holds, in place of its gradient, the address of the next.
_to_free = cython.declare(cython.pointer[PyObject])
_freeing = cython.declare(cython.int, 0)


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
    """End a node's life (the type's `tp_dealloc`).

    Letting go of its operands may end theirs: those wait in line, so that no depth of a graph nests calls. Nodes
    end in the opposite order of their making, and the next graph takes their memory in the order of its own.
    """
    global _freeing, _to_free
    PyObject_GC_UnTrackPointer(item)
    if _type_of(item) is not cython.cast(cython.pointer[PyTypeObject], Value):
        _end(item)  # a subclass frees its own part right after
    elif _freeing:
        _next_of(item)[0] = _to_free
        _to_free = item
    else:
        _freeing = 1
        _end(item)
        while _to_free is not cython.NULL:
            item = _to_free
            _to_free = _next_of(item)[0]
            _end(item)
        _freeing = 0


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _next_of(item: cython.pointer[PyObject]) -> cython.pointer[cython.pointer[PyObject]]:
    """Return where a node that waits to be freed holds the next one."""
    return cython.cast(cython.pointer[cython.pointer[PyObject]], cython.address(cython.cast(Value, item)._grad))


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _end(item: cython.pointer[PyObject]) -> cython.void:
    """Let go of a node's operands and give its memory back."""
    # alive again meanwhile, so that handling it as an object cannot end it twice
    Py_SET_REFCNT(item, 1)
    _let_go(cython.cast(Value, item))
    Py_SET_REFCNT(item, 0)
    _type_of(item).tp_free(item)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _let_go(node: Value) -> cython.void:
    node._left = None
    node._right = None
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
