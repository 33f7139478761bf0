"""A neuron before backward().

Two inputs, two weights and a bias go through tanh. The numbers are there, the gradients are not computed yet.
The drawing shows them as micrograd does, as zeros; the Stepper says what they are, and computes them as you watch.
"""

from chainrule import Value

x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
b = Value(6.8813735870195432, label="b")

x1w1 = x1 * w1
x1w1.label = "x1·w1"
x2w2 = x2 * w2
x2w2.label = "x2·w2"
both = x1w1 + x2w2
both.label = "x1·w1 + x2·w2"
n = both + b
n.label = "n"
o = n.tanh()
o.label = "o"
