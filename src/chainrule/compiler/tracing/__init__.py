"""Tracing: run a function once with stand-ins for its numbers, and keep what it computed as a program."""

from chainrule.compiler.tracing.arguments import Pattern, read_arguments, same_static
from chainrule.compiler.tracing.listener import Guard
from chainrule.compiler.tracing.outside import Outside
from chainrule.compiler.tracing.results import Template, build_result
from chainrule.compiler.tracing.trace import Trace, trace
from chainrule.errors import NotTraceable

__all__ = [
    "Guard",
    "NotTraceable",
    "Outside",
    "Pattern",
    "Template",
    "Trace",
    "build_result",
    "read_arguments",
    "same_static",
    "trace",
]
