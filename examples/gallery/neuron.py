"""The same neuron after backward().

tanh lets half of the gradient through, as 1 − o² = 0.5; every + hands it on to both sides; every · multiplies
it by the other factor. w2 gets 0 because its input is 0: no change of w2 can move o.
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

o.backward()
