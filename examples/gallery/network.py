"""A network and its loss: 3 inputs, two layers of 4 neurons, 1 output.

Four samples go through the same 41 parameters, and the loss adds up four squared errors. Each weight collects
its gradient from all four samples. In the Stepper the neurons and layers are folded; open one to look inside.
"""

import random

import chainrule as cr
from chainrule import Value
from chainrule.nn import MLP

random.seed(1)
model = MLP(3, [4, 4, 1], activation="tanh", output_activation="tanh", bias="uniform")

samples = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
targets = [1.0, -1.0, -1.0, 1.0]

errors = []
for k, (sample, target) in enumerate(zip(samples, targets, strict=True)):
    x = [Value(number, label=f"x{i} of sample {k}") for i, number in enumerate(sample)]
    output = model(x)
    output.label = f"output {k}"
    error = (output - target) ** 2
    error.label = f"error {k}"
    errors.append(error)
loss = cr.sum(errors)
loss.label = "loss"

loss.backward()
