"""One number used twice: b = a + a.

Both operands are a, so a receives 1 from each side and its gradient is 2. An engine that writes gradients
down instead of adding them up says 1.
"""

from chainrule import Value

a = Value(3.0, label="a")
b = a + a
b.label = "b"

b.backward()
