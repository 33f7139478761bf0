"""Translate the op table's rows of fixed arity from Python to `_kernels.pxd`: inline C functions for the engine.

The rows' own text is parsed, not run: what a rule may contain is exactly what this file can translate, and
anything else stops the build with the place of the offending line.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from vocabulary import Vocabulary

MODULES = ("elementary", "transcendental", "activations", "reductions")
C_API = """\
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset
from cpython.object cimport PyObject

cdef extern from "Python.h":
    ctypedef int (*visitproc)(PyObject *, void *) noexcept
    ctypedef struct PyTypeObject:
        Py_ssize_t tp_basicsize
        PyObject *(*tp_alloc)(PyTypeObject *, Py_ssize_t) noexcept
        void (*tp_free)(void *) noexcept
        void (*tp_dealloc)(PyObject *) noexcept
        int (*tp_clear)(PyObject *) noexcept
        int (*tp_traverse)(PyObject *, visitproc, void *) noexcept
    void PyObject_GC_Track(object)
    void PyObject_GC_UnTrackPointer "PyObject_GC_UnTrack" (PyObject *)
    int PyObject_GC_IsTracked(object)
    void PyObject_GC_Del(void *)
    PyObject *_PyObject_GC_New(PyTypeObject *)
    int PyTraceMalloc_Track(unsigned int, size_t, size_t)
    int PyTraceMalloc_Untrack(unsigned int, size_t)
    PyObject *PyObject_Init(PyObject *, PyTypeObject *)
    int PyObject_GenericSetAttr(object, object, object) except -1
    void Py_INCREF(object)
    void Py_DECREF(object)
    void Py_CLEAR(PyObject *)
    void Py_SET_REFCNT(PyObject *, Py_ssize_t)
    void *PyMem_Malloc(size_t)
    void PyMem_Free(void *)
    PyObject *item_at "PyList_GET_ITEM" (object, Py_ssize_t)
    PyObject *tuple_item_at "PyTuple_GET_ITEM" (object, Py_ssize_t)
    PyObject **tuple_items "&PyTuple_GET_ITEM" (object, Py_ssize_t)
    bint is_float "PyFloat_CheckExact" (PyObject *)
    double float_at "PyFloat_AS_DOUBLE" (PyObject *)
    PyObject *PyDict_GetItem(object, object)
    int PyDict_Next(object, Py_ssize_t *, PyObject **, PyObject **)
    int PyErr_CheckSignals() except -1
    PyObject *cell_contents "PyCell_GET" (object)
    long long PyLong_AsLongLongAndOverflow(object, int *) except? -1
    PyTypeObject *_type_of "Py_TYPE" (PyObject *)
    Py_ssize_t references_to "Py_REFCNT" (PyObject *)
    unsigned long get_ident "PyThread_get_thread_ident" ()

cdef extern from "math.h":
    bint signbit(double)

cdef extern from *:
    '''
    #if defined(__GNUC__)
    #define chainrule_prefetch(item) __builtin_prefetch((const char *)(item) + 16)
    #define chainrule_prefetch_node(item) \\
        (__builtin_prefetch((const char *)(item) + 16, 1), __builtin_prefetch((const char *)(item) + 72, 1))
    #else
    #define chainrule_prefetch(item) ((void)(item))
    #define chainrule_prefetch_node(item) ((void)(item))
    #endif
    '''
    void prefetch "chainrule_prefetch" (void *)
    void prefetch_node "chainrule_prefetch_node" (void *)

cdef extern from *:
    '''
    #if defined(__linux__)
    #include <sys/mman.h>
    #include <time.h>
    #endif
    #if defined(__GLIBC__)
    #include <malloc.h>
    #endif

    /* The head of a page of nodes. */
    typedef struct chainrule_page {
        struct chainrule_page *next, *before; /* of the pages with room */
        void *dead; /* the nodes that were given back, each linked to the next */
        Py_ssize_t used, made; /* nodes that are out, and that there ever were */
    } chainrule_page;

    /* Return so many zeros that begin at a multiple of their number; NULL where the system knows no large pages. */
    static chainrule_page *chainrule_new_page(size_t size) {
    #if defined(MADV_HUGEPAGE)
        const int kind = MAP_PRIVATE | MAP_ANONYMOUS;
        char *start = mmap(NULL, size, PROT_READ | PROT_WRITE, kind, -1, 0);
        if (start != MAP_FAILED && ((size_t) start & (size - 1))) { /* it must begin at a multiple of its size */
            munmap(start, size);
            start = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, kind, -1, 0);
            if (start != MAP_FAILED) {
                const size_t before = (size - ((size_t) start & (size - 1))) & (size - 1);
                if (before) munmap(start, before);
                start += before;
                munmap(start + size, size - before);
            }
        }
        if (start == MAP_FAILED) return NULL;
        return (chainrule_page *) start;
    #else
        (void) size;
        return NULL;
    #endif
    }

    /* Ask for one large page in place of many small ones, and return how many nanoseconds it took to get it. */
    static long long chainrule_enlarge(chainrule_page *page, size_t size) {
    #if defined(MADV_HUGEPAGE)
        struct timespec begin, end;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
        madvise(page, size, MADV_HUGEPAGE);
        ((volatile chainrule_page *) page)->used = 0;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
        return (end.tv_sec - begin.tv_sec) * 1000000000LL + (end.tv_nsec - begin.tv_nsec);
    #else
        (void) page; (void) size;
        return 0;
    #endif
    }

    static void chainrule_free_page(chainrule_page *page, size_t size) {
    #if defined(MADV_HUGEPAGE)
        munmap(page, size);
    #else
        (void) page; (void) size;
    #endif
    }

    static void chainrule_trim(void) {
    #if defined(__GLIBC__)
        malloc_trim(0);
    #endif
    }
    '''
    ctypedef struct Page "chainrule_page":
        Page *next
        Page *before
        void *dead
        Py_ssize_t used
        Py_ssize_t made
    Page *new_page "chainrule_new_page" (size_t) noexcept
    long long enlarge "chainrule_enlarge" (Page *, size_t) noexcept
    void free_page "chainrule_free_page" (Page *, size_t) noexcept
    void trim "chainrule_trim" () noexcept

cdef extern from *:
    '''
    /* A numpy array, as all of numpy 1 and 2 lay it out; held against real ones before it is relied on. */
    typedef struct {
        PyObject_HEAD
        double *numbers;
        int axes;
        Py_ssize_t *shape;
        Py_ssize_t *strides;
        PyObject *base;
        PyObject *dtype;
        int flags;
    } chainrule_array;

    static void chainrule_let_others_run(void) {
        Py_BEGIN_ALLOW_THREADS
        Py_END_ALLOW_THREADS
    }

    static double *chainrule_doubles_of(PyObject *array, PyObject *dtype, Py_ssize_t axes, const int *shape) {
        chainrule_array *given = (chainrule_array *) array;
        const int plain = 0x1 | 0x100; /* contiguous and aligned */
        if (given->dtype != dtype || given->axes != axes || (given->flags & plain) != plain) return NULL;
        for (Py_ssize_t i = 0; i < axes; i++)
            if (given->shape[i] != shape[i]) return NULL;
        return given->numbers;
    }
    '''
    void let_others_run "chainrule_let_others_run" ()
    double *doubles_of "chainrule_doubles_of" (object, object, Py_ssize_t, int *)

# Machine code that the compiler made, by its address.
ctypedef long long (*native_function)(double **, int **) noexcept
ctypedef void (*native_update)(double *, double *, double *, double *, long long) noexcept

cdef inline long long call_native(size_t address, double **regions, int **tables) noexcept:
    return (<native_function> address)(regions, tables)

cdef inline void call_update(
    size_t address, double *values, double *gradients, double *state, double *hyper, long long count
) noexcept:
    (<native_update> address)(values, gradients, state, hyper, count)
"""
DISPATCHERS = {
    "unary_value": ("a", 1, 0),
    "unary_slope": ("a, y", 1, 1),
    "binary_value": ("a, b", 2, 0),
    "left_slope": ("a, b, y", 2, 1),
    "right_slope": ("a, b, y", 2, 2),
    "ternary_value": ("a, b, c", 3, 0),
    "ternary_slope_a": ("a, b, c, y", 3, 1),
    "ternary_slope_b": ("a, b, c, y", 3, 2),
    "ternary_slope_c": ("a, b, c, y", 3, 3),
}


class _Translate(ast.NodeTransformer):
    """Rewrite the expressions of a row, which are in the vocabulary, into Cython's C subset."""

    def __init__(self, constants: dict[str, float]) -> None:
        self.constants = constants

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.constants:
            return ast.Constant(self.constants[node.id])
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        arguments = node.args
        name = ast.unparse(node.func)
        if name == "ieee.divide":
            return ast.BinOp(arguments[0], ast.Div(), arguments[1])
        if name == "pick":
            return ast.IfExp(arguments[0], arguments[1], arguments[2])
        function = "c_fabs" if name == "abs" else name.replace("ieee.", "c_")
        return ast.Call(ast.Name(function), arguments, [])


def _op_decorator(function: ast.FunctionDef) -> ast.Call | None:
    """Return the `@op(...)` call over a row's value, None for any other function."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "op":
            return decorator
    return None


def _row_of_derivative(function: ast.FunctionDef) -> str | None:
    """Return the name of the row whose derivative this function is."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Attribute) and decorator.attr == "derivative":
            return ast.unparse(decorator.value)
    return None


def _arity(decorator: ast.Call) -> int | None:
    for keyword in decorator.keywords:
        if keyword.arg == "arity":
            value: int | None = ast.literal_eval(keyword.value)
            return value
    return 1


class Table:
    """The rows as the parser sees them: order, arity, and the functions that belong to each."""

    def __init__(self, folder: Path) -> None:
        self.arity: dict[str, int | None] = {}
        self.derivatives: dict[str, list[str]] = {}
        self.functions: list[tuple[ast.FunctionDef, Path]] = []
        self.constants: dict[str, float] = {}
        for path in (folder / f"{module}.py" for module in MODULES):
            for statement in ast.parse(path.read_text(encoding="utf-8")).body:
                self._read(statement, path)

    def _read(self, statement: ast.stmt, path: Path) -> None:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            try:
                constant = ast.literal_eval(statement.value)
            except ValueError:
                return
            if isinstance(constant, float):
                self.constants[statement.targets[0].id] = constant
        elif isinstance(statement, ast.FunctionDef):
            decorator = _op_decorator(statement)
            row = _row_of_derivative(statement)
            if decorator is not None:
                self.arity[statement.name] = _arity(decorator)
                self.derivatives[statement.name] = []
            elif row is not None:
                self.derivatives[row].append(statement.name)
            name = statement.name if decorator is not None else row
            if name is not None and self.arity[name] is not None:
                self.functions.append((statement, path))


def _c_function(function: ast.FunctionDef, path: Path, table: Table) -> str:
    """Return one row function as an inline C function in Cython."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    rule = _row_of_derivative(function) is not None
    Vocabulary(path, rule, table.constants, table.arity).check(function, body)
    translate = _Translate(table.constants)
    lines = [ast.unparse(ast.fix_missing_locations(translate.visit(statement))) for statement in body]
    arguments = ", ".join(f"double {argument.arg}" for argument in function.args.args)
    text = "\n".join(lines).replace("\n", "\n    ")
    return f"cdef inline double {function.name}({arguments}) noexcept nogil:\n    {text}\n"


def _dispatcher(name: str, table: Table) -> str:
    """Return the function that chooses among the rows by code; the C compiler makes it a jump table."""
    arguments, arity, place = DISPATCHERS[name]
    typed = ", ".join(f"double {each}" for each in arguments.split(", "))
    lines = [f"cdef inline double {name}(int code, {typed}) noexcept nogil:"]
    for code, row in enumerate(table.arity, start=1):
        if table.arity[row] == arity:
            function = table.derivatives[row][place - 1] if place else row
            lines.append(f"    if code == {code}:\n        return {function}({arguments})")
    lines.append("    return 0.0\n")
    return "\n".join(lines)


def _flags_enum(path: Path) -> str:
    """Return the class Flag as a C enumeration."""
    flags = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Assign)]
    return "cdef enum Flag:\n" + "\n".join(f"    {ast.unparse(flag)}" for flag in flags) + "\n"


def kernel_names(parts: Iterable[str]) -> tuple[str, ...]:
    """Return what the parts of the engine, given as texts, take from `_kernels.pxd`: all but its inner functions."""
    taken = {"Code", "Flag", *DISPATCHERS}
    for text in parts:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.module == "cython.cimports.chainrule._kernels":
                taken.update(name.name for name in node.names)
    return tuple(sorted(taken))


def kernels_text(folder: Path) -> str:
    """Return the text of `_kernels.pxd` for the op table in this folder (`src/chainrule/ops`)."""
    table = Table(folder)
    functions = sorted(
        {
            node.attr
            for function, _ in table.functions
            for node in ast.walk(function)
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "ieee"
        }
        - {"divide"}
        | {"fabs"}
    )
    codes = ["    LEAF = 0", "    CUSTOM = -1", "    COMPILED = -2", "    RESULT = -3", "    CALL = -4"]
    codes += [f"    ROWS = {len(table.arity)}"]
    codes += [f"    {row.upper()} = {code}" for code, row in enumerate(table.arity, start=1)]
    parts = [
        "# Generated from chainrule/ops by build_tools/kernels.py; change the rows, not this file.",
        "from libc.math cimport " + ", ".join(f"{name} as c_{name}" for name in functions) + "\n",
        C_API,
        _flags_enum(folder.parent / "core" / "flags.py"),
        "cdef enum Code:\n" + "\n".join(codes) + "\n",
        *[_c_function(function, path, table) for function, path in table.functions],
        *[_dispatcher(name, table) for name in DISPATCHERS],
    ]
    return "\n".join(parts)
