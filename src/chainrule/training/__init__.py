"""Training: fit a model to a table of numbers, watch it, stop it early, predict and score."""

from __future__ import annotations

from chainrule.training.callbacks import Callback, EarlyStopping
from chainrule.training.fitting import fit
from chainrule.training.history import History
from chainrule.training.loop import DivergenceWarning
from chainrule.training.predicting import predict, score

__all__ = ["Callback", "DivergenceWarning", "EarlyStopping", "History", "fit", "predict", "score"]
