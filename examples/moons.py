"""micrograd's demo: a network learns to tell two half circles apart, in loops that hide nothing.

The data, the first weights and the losses are those of the published notebook.
"""

import random

import matplotlib.pyplot as plt

import chainrule as cr
from chainrule.data import moons
from chainrule.nn import MLP

STEPS = 100

X, classes = moons(100, noise=0.1, seed=1337)
y = [2 * int(each) - 1 for each in classes]  # -1 and +1

random.seed(1337)
model = MLP(2, [16, 16, 1])
print(f"{len(model.parameters())} parameters")

for step in range(STEPS):
    scores = [model(x) for x in X]

    # every score should be on its own side of 0 with a margin of 1, and weights should be small
    margins = [(1 - t * score).relu() for t, score in zip(y, scores, strict=True)]
    loss = cr.mean(margins) + 1e-4 * cr.sum([p * p for p in model.parameters()])
    right = sum((score > 0) == (t > 0) for t, score in zip(y, scores, strict=True))

    model.zero_grad()
    loss.backward()
    rate = 1.0 - 0.9 * step / STEPS
    for p in model.parameters():
        p.data -= rate * p.grad

    if step in {0, 1, 2, 30, STEPS - 1}:
        print(f"step {step:2}  loss {loss.data:.10f}  {right} of {len(y)} right")

cr.plot_boundary(model, X, y)
plt.savefig("moons.png")
print("picture: moons.png")
