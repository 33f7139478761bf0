"""The first expression: L = (a·b + c)·f.

Three operations, six gradients. a.grad is −2 · 1 · −3 = 6: the slopes along the only path from L down to a,
multiplied.
"""

from chainrule import Value

a = Value(2.0, label="a")
b = Value(-3.0, label="b")
c = Value(10.0, label="c")
f = Value(-2.0, label="f")

e = a * b
e.label = "e"
d = e + c
d.label = "d"
L = d * f
L.label = "L"

L.backward()
