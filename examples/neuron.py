"""One neuron with its gradients, and its picture: tanh of a weighted sum and a bias."""

from chainrule import Value, draw_dot

# inputs and weights
x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
b = Value(6.8813735870195432, label="b")

# forward: the sum, then an activation that keeps it between -1 and 1
n = x1 * w1 + x2 * w2 + b
n.label = "n"
o = n.tanh()
o.label = "o"

# backward: how much o would change with each number
o.backward()
for value in (x1, w1, x2, w2, b, n, o):
    print(f"{value.label:2}  data {value.data:7.4f}  grad {value.grad:7.4f}")

# a small step of the weights along their gradients makes o larger
for weight in (w1, w2, b):
    weight.data += 0.1 * weight.grad
print(f"o was {o.data:.4f}, and would be {(x1 * w1 + x2 * w2 + b).tanh().data:.4f}")

print("picture:", draw_dot(o, rankdir="TB").render("neuron.svg", cleanup=True))
