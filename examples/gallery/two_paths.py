"""Two paths to the same numbers: f = (a·b)·(a + b).

a and b reach f through the product and through the sum. What the two paths bring is added: a.grad is
3 + −6 = −3, b.grad is −2 · 1 + −6 = −8.
"""

from chainrule import Value

a = Value(-2.0, label="a")
b = Value(3.0, label="b")

d = a * b
d.label = "d"
e = a + b
e.label = "e"
f = d * e
f.label = "f"

f.backward()
