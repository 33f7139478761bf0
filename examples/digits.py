"""Handwritten digits: a loss written sample by sample, compiled once, then trained batch by batch.

The 1,797 pictures of 8 by 8 pixels come with scikit-learn.
"""

import random
import time

import numpy as np
from sklearn.datasets import load_digits

import chainrule as cr
from chainrule import Value
from chainrule.nn import MLP

BATCH, EPOCHS = 128, 40

pixels, digits = load_digits(return_X_y=True)
order = np.random.default_rng(1).permutation(len(digits))
X, y = pixels[order] / 16, digits[order]
one_hot = np.eye(10)[y]
train, test = slice(0, 1408), slice(1408, None)  # eleven batches, and what the network never sees

random.seed(1)
model = MLP(64, [32, 10])
for layer in model.layers:
    for p in layer.parameters():
        p.data /= len(layer.neurons[0].w) ** 0.5  # small first scores learn faster


def loss(images: np.ndarray, targets: np.ndarray) -> Value:
    """Cross entropy, the mean over the samples of a batch; a target is a row with a 1 at the digit."""
    losses = []
    for image, target in zip(images, targets, strict=True):
        scores = model(image)
        losses.append(cr.logsumexp(scores) - cr.dot(scores, target))
    mean: Value = cr.mean(losses)
    return mean


adam = cr.optim.Adam(model.parameters(), lr=0.01)
step = cr.compile(loss, optimizer=adam)

started = time.perf_counter()
for epoch in range(EPOCHS):
    losses = [step(X[i : i + BATCH], one_hot[i : i + BATCH]) for i in range(train.start, train.stop, BATCH)]
    if epoch in {0, 1, 9, EPOCHS - 1}:
        print(f"epoch {epoch:2}  loss {np.mean(losses):.4f}")
seconds = time.perf_counter() - started

right = np.argmax(model.predict(X[test]), axis=1) == y[test]
print(f"{right.mean():.1%} of {len(right)} unseen digits right")
print(f"{EPOCHS * 11} steps in {seconds:.1f} seconds, compiling included: {step.report().executor}")
