"""A CSV file in ten lines: read, scale, fit, save, load, predict."""

import csv

import numpy as np

import chainrule as cr
from chainrule.data import penguins_path

birds = [bird for bird in csv.DictReader(penguins_path().read_text("utf-8").splitlines()) if "NA" not in bird.values()]
X = np.array([[float(bird["bill_length_mm"]), float(bird["flipper_length_mm"])] for bird in birds])
kilograms = np.array([float(bird["body_mass_g"]) / 1000 for bird in birds])
X = (X - X.mean(axis=0)) / X.std(axis=0)
model = cr.nn.MLP(2, [8, 1], activation="tanh")
model.fit(X[::2], kilograms[::2], epochs=100, verbose=0)
model.save("penguins.safetensors")
again = cr.load("penguins.safetensors")
errors = np.abs(again.predict(X[1::2]) - kilograms[1::2])
print(f"unseen birds: off by {errors.mean():.1f} kg on average; they weigh {kilograms.min()} to {kilograms.max()} kg")
