"""An operation of your own: compute the number, name the operands, say how the gradient flows."""

from chainrule import Value


def cube(x: Value) -> Value:
    """Return x³ as one node."""
    out = Value(x.data**3, (x,), "cube")

    def backward() -> None:
        x.grad += 3 * x.data**2 * out.grad  # += because x may have other users

    out._backward = backward
    return out


a = Value(2.0, label="a")
y = cube(a) + 5 * a
y.backward()
print(f"y = {y.data}, dy/da = {a.grad}")

# the gradient is right when a small nudge changes y as it says
h = 1e-6
slope = (cube(Value(2.0 + h)) + 5 * (2.0 + h) - y).data / h
print(f"a nudge says {slope:.3f}")

# it is a node like any other: other code differentiates through it, and it is drawn under its name
z = (cube(a) * cube(a)).log()
a.grad = 0
z.backward()
print(f"d ln(a^6)/da = {a.grad}, and 6/a = {6 / a.data}; op {cube(a)._op!r}")
