"""THE op table: every op is one row, a value on floats and its local derivatives in the op vocabulary.

A row's function is its value; the functions marked `@row.derivative` are ∂y/∂operand, one an operand in
order, called with the operands and the value y. Rules use only rows, `pick`, + − ·, comparisons and float
literals, and division and powers only through `divide` and `power`, so that the same text runs on floats
(never raising), on Values (derivatives of any order), and, translated when the package is built, in C.

Accuracy: value and slope within 4 ulp of the true number; where terms cancel, of the sum of their sizes.
The comment in a rule says why it has the form it has. A row added to one of these modules has its methods,
functions, drawing and tests with it.
"""

from chainrule.ops import activations, elementary, reductions, transcendental
from chainrule.ops.elementary import pick
from chainrule.ops.row import TABLE, Op, Operand, op, real_number, rows

__all__ = [
    "TABLE",
    "Op",
    "Operand",
    "activations",
    "elementary",
    "op",
    "pick",
    "real_number",
    "reductions",
    "rows",
    "transcendental",
]
