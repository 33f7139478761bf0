"""`cr.compile` itself: it looks at what it is given, and says what is wrong before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import TYPE_CHECKING, Any, overload

from chainrule.errors import ArgumentError, MissingLibraryError

if TYPE_CHECKING:
    from chainrule.compiler.function import CompiledFunction
    from chainrule.compiler.stepping import CompiledStep

EXECUTORS = ("auto", "native", "tape")


@overload
def compile(  # noqa: A001 - as below
    fn: Callable[..., Any],
    *,
    optimizer: None = None,
    strict: bool = False,
    max_traces: int = 8,
    check_every: int | None = None,
    executor: str = "auto",
) -> CompiledFunction: ...


@overload
def compile(  # noqa: A001 - as below
    fn: Callable[..., Any],
    *,
    optimizer: object,
    strict: bool = False,
    max_traces: int = 8,
    check_every: int | None = None,
    executor: str = "auto",
) -> CompiledStep: ...


@overload
def compile(  # noqa: A001 - as below
    fn: None = None,
    *,
    optimizer: object = None,
    strict: bool = False,
    max_traces: int = 8,
    check_every: int | None = None,
    executor: str = "auto",
) -> Callable[[Callable[..., Any]], Any]: ...


def compile(  # noqa: A001 - people call it cr.compile
    fn: Callable[..., Any] | None = None,
    *,
    optimizer: Any = None,
    strict: bool = False,
    max_traces: int = 8,
    check_every: int | None = None,
    executor: str = "auto",
) -> Any:
    """Return a function that computes what `fn` computes, and its gradients, as machine code.

    The first call with arguments of a structure runs `fn` once with stand-ins for the numbers in them; later calls run
    the program that this left behind, and read arguments and parameters anew. What Python looks at on the way (an
    `if`, an index, `.data`) is compared at every call, and traced anew where it is different. `@cr.compile` works too.

    Args:
        fn: takes numbers, Values, lists, tuples and dicts of these, and numpy arrays; returns a Value or a nested
            structure of Values. Every other argument must be the same object, or equal, for a trace to fit.
        optimizer: makes one training step of it, where `fn` returns the loss: step(…) -> loss as a float, and
            step.run(n, …). The loss is that before the update; `data` and `grad` of the parameters are as after
            zero_grad(), backward(), step().
        strict: the same operations in the same order as without compiling: the same bits, nan and inf included.
            Not machine code, but the tape interpreter.
        max_traces: how often arguments of one structure are traced anew before they run eagerly, with a warning.
        check_every: compares every so many calls with what `fn` itself returns. For functions that read what no
            trace can see, such as attributes or the contents of a list that is no argument.
        executor: 'native' or 'tape'; 'auto' takes machine code where it can be had.

    Raises:
        ArgumentError: `fn` cannot be called, or one of the others is not of the kind described.
        MissingLibraryError: executor='native' where no machine code can be made.
    """
    from chainrule.compiler.function import CompiledFunction, Options  # here, since most programs compile nothing

    if fn is None:
        return lambda given: compile(
            given,
            optimizer=optimizer,
            strict=strict,
            max_traces=max_traces,
            check_every=check_every,
            executor=executor,
        )
    if isinstance(fn, type) or not callable(fn):
        raise ArgumentError(f"compile was given {fn!r:.60}: give it a function that returns a Value")
    if isinstance(fn, CompiledFunction):
        raise ArgumentError(f"compile was given {fn!r:.60}, which is compiled already: give it the function itself")
    if executor not in EXECUTORS:
        raise ArgumentError(f"executor={executor!r} is not known: choose one of {', '.join(EXECUTORS)}")
    if strict and executor == "native":
        raise ArgumentError("strict=True keeps to the order of operations, machine code does not: leave executor out")
    if executor == "native":
        _require_native()
    options = Options(
        executor="tape" if strict else executor,
        max_traces=_whole("max_traces", max_traces, 0),
        check_every=None if check_every is None else _whole("check_every", check_every, 1),
    )
    if optimizer is None:
        return CompiledFunction(fn, options)
    if isinstance(optimizer, type) or not all(hasattr(optimizer, name) for name in ("step", "zero_grad")):
        raise ArgumentError(
            f"optimizer={optimizer!r:.60} cannot be used: pass an object such as optim.SGD(parameters, lr=0.1)"
        )
    from chainrule.compiler.stepping import CompiledStep

    return CompiledStep(fn, optimizer, options)


def _require_native() -> None:
    from chainrule.compiler.native.machine import available

    missing = available()
    if missing is not None:
        raise MissingLibraryError(f"executor='native' cannot be had: {missing}; or leave executor at 'auto'")


def whole_number(number: Any) -> int | None:
    """Return a whole number of any class as an int; None for anything else, truth values and arrays among it."""
    try:
        return None if isinstance(number, bool) else index(number)
    except TypeError:  # an array has the method, and refuses
        return None


def _whole(name: str, given: Any, least: int) -> int:
    number = whole_number(given)
    if number is None or number < least:
        raise ArgumentError(f"{name}={given!r}: give a whole number from {least} on")
    return number
