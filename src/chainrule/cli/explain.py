"""`chainrule explain 'relu(x*w+b)' x=2 w=3 b=-10`: an expression's graph and its gradients, in words and numbers."""

from __future__ import annotations

import argparse
import sys
import unicodedata
from typing import TYPE_CHECKING, Any

from chainrule.cli import options
from chainrule.cli.output import complain, note, write_json

if TYPE_CHECKING:
    from chainrule.cli.expressions import ExpressionError
    from chainrule.views.tracing.trace import Trace

SUMMARY = "show the graph of an expression and explain its gradients"
USAGE = 2
_STYLES = {"leaf": "bold", "constant": "dim", "op": "", "note": "dim italic"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "expression", help="a formula of names and numbers, e.g. 'tanh(x*w + b)'; after -- where it begins with a minus"
    )
    parser.add_argument("values", nargs="*", type=assignment, metavar="name=number", help="a number for each name")
    parser.add_argument("--wrt", type=options.names, default=(), metavar="NAME,…", help="explain these names only")
    parser.add_argument("--digits", type=_digits, default=4, metavar="N", help="significant digits (default 4)")
    options.add_reporting(parser)


def assignment(text: str) -> tuple[str, float]:
    """Read `x=2`."""
    name, equals, number = text.partition("=")
    name = unicodedata.normalize("NFKC", name.strip())  # as Python reads names
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"'{text}' gives no name a number: write it as x=2")
    try:
        return name, float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{number}' in '{text}' is not a number") from None


def run(args: argparse.Namespace) -> int:
    """Compute the expression and its gradients, show its graph, explain."""
    from chainrule.cli.expressions import Expression, ExpressionError
    from chainrule.engine import Value
    from chainrule.views.explaining.explain import explain
    from chainrule.views.tracing.trace import trace_of

    numbers = dict(args.values)
    text = " ".join(args.expression.split())
    try:
        expression = Expression(text)
        problem = _problem(args, numbers, expression.names)
        if problem:
            raise ExpressionError(*problem)
        values = {name: Value(numbers[name], label=name) for name in expression.names}
        output = expression.evaluate(values)
    except ExpressionError as error:
        return _refuse(text, error)
    unused = [name for name in numbers if name not in values]
    if unused and not args.quiet:
        note(f"not in the expression, and ignored: {', '.join(unused)}")
    output.backward()
    explanation = explain(output, [values[name] for name in args.wrt] or None, digits=args.digits)
    trace = trace_of(output)
    if args.json:
        write_json({"expression": text, "trace": trace.to_json(), "explanation": explanation.to_json()})
    else:
        _show(trace, str(explanation), args.digits)
    return 0


def _digits(text: str) -> int:
    number = options.whole(1)(text)
    if number > 17:
        raise argparse.ArgumentTypeError(f"{number} is above 17, all that a number has")
    return number


def _problem(
    args: argparse.Namespace, numbers: dict[str, float], names: dict[str, int]
) -> tuple[str, int | None] | None:
    """Return what keeps an expression from being computed, and where, if anything."""
    given = [name for name, _ in args.values]
    twice = [name for name in numbers if given.count(name) > 1]
    missing = [name for name in names if name not in numbers]
    strange = [name for name in args.wrt if name not in names]
    if twice:
        return f"{twice[0]} is given twice", None
    if missing:
        several = "have no values" if len(missing) > 1 else "has no value"
        wanted = " ".join(f"{name}=1" for name in missing)
        return f"{', '.join(missing)} {several}: add {wanted}, or what you like", names[missing[0]]
    if not names:
        return "an expression without names has nothing to differentiate by: write one such as x*2", None
    if strange:
        return f"--wrt {strange[0]} is not a name in the expression: it has {', '.join(names)}", None
    return None


def _refuse(text: str, error: ExpressionError) -> int:
    """Show where the mistake is, say what it is, and return the exit code."""
    if error.column is not None and text.isprintable():
        from chainrule.views.explaining.tree import width

        sys.stderr.write(f"  {text}\n  {' ' * width(text[: error.column])}^\n")
    complain(str(error))
    return USAGE


def _show(trace: Trace, explanation: str, digits: int) -> None:
    """Write the graph as a tree, coloured on a terminal, and the explanation."""
    from rich.text import Text

    from chainrule.console import console
    from chainrule.views.explaining.tree import aligned

    out: Any = console(sys.stdout)
    for row, padding, numbers in aligned(trace, digits):
        line = Text.assemble((row.branch, "dim"), (row.name, _STYLES[row.kind]), padding, (numbers, ""))
        line.rstrip()
        out.print(line, soft_wrap=True)
    out.print()
    out.print(Text(explanation), soft_wrap=True)
    sys.stdout.flush()
