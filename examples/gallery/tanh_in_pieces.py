"""tanh in pieces: (e − 1) / (e + 1) with e = exp(2n).

How much one operation does is for you to choose. Spelled out, tanh is five nodes instead of one, and n gets
the same gradient, 0.5; e is used twice, so two paths add up to it.
"""

from chainrule import Value

n = Value(0.8813735870195432, label="n")

double = 2 * n
double.label = "2n"
e = double.exp()
e.label = "e"
above = e - 1
above.label = "e − 1"
below = e + 1
below.label = "e + 1"
o = above / below
o.label = "o"

o.backward()
