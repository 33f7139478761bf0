"""The engine: Value and backward(), and what the other layers ask of a graph.

This file is the uncompiled engine: it takes the parts from `chainrule.core`, where the code is. The compiled one,
an extension of the same name that the build makes of the same parts, takes this file's place; `compiled` tells
which is running.
"""

from chainrule.core.backward import StaleGradientWarning
from chainrule.core.calling import MISS, Entries, Entry
from chainrule.core.executing import Native
from chainrule.core.exporting import (
    export,
    kind_behind,
    node_behind,
    number_argument,
    place_of_input,
    value_argument,
)
from chainrule.core.making import apply, make_node
from chainrule.core.nary import dot, logsumexp, sum
from chainrule.core.owing import deferring
from chainrule.core.parameters import read_data, read_grad, write_data, write_grad, zero_grad
from chainrule.core.recording import no_grad, set_no_grad_depth
from chainrule.core.scanning import Scanner
from chainrule.core.standins import StandIn
from chainrule.core.stepping import Step, Steps
from chainrule.core.surveying import Survey
from chainrule.core.tape import Tape
from chainrule.core.tracing import start_tracing, stop_tracing, tracing
from chainrule.core.value import Value
from chainrule.core.walking import (
    attributes_of,
    has_closure,
    is_compiled,
    is_constant,
    is_leaf,
    knows_slopes,
    local_derivatives,
    op_of,
    parts,
    set_op,
    topological_order,
)

__all__ = [
    "MISS",
    "Entries",
    "Entry",
    "Native",
    "Scanner",
    "StaleGradientWarning",
    "StandIn",
    "Step",
    "Steps",
    "Survey",
    "Tape",
    "Value",
    "apply",
    "attributes_of",
    "compiled",
    "deferring",
    "dot",
    "export",
    "give_memory_back",
    "has_closure",
    "is_compiled",
    "is_constant",
    "is_leaf",
    "keep_dead_nodes",
    "kind_behind",
    "knows_slopes",
    "local_derivatives",
    "logsumexp",
    "make_node",
    "no_grad",
    "node_behind",
    "number_argument",
    "op_of",
    "parts",
    "place_of_input",
    "read_data",
    "read_grad",
    "set_no_grad_depth",
    "set_op",
    "start_tracing",
    "stop_tracing",
    "sum",
    "topological_order",
    "tracing",
    "value_argument",
    "write_data",
    "write_grad",
    "zero_grad",
]

compiled: bool = False


def keep_dead_nodes(keep: bool) -> None:
    """Keep dead nodes for the next ones, or not: the compiled engine does; here Python decides."""


def give_memory_back() -> None:
    """Do nothing: the compiled engine gives back what C's library keeps of memory that was freed."""
