"""The files that a training leaves behind: model, loss picture, the drawing of one neuron."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.errors import MissingLibraryError
from chainrule.files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from chainrule.nn import MLP
    from chainrule.training import History

MODEL, LOSS, NEURON, BOUNDARY = "model.safetensors", "loss.png", "neuron.svg", "boundary.png"


def loss_picture(history: History) -> Callable[[Path], None]:
    """Return what draws the loss curves."""
    return lambda path: _save(history.plot, path)


def boundary_picture(model: MLP, X: Any, y: Any) -> Callable[[Path], None]:
    """Return what draws the decision boundary of a model of two inputs."""
    from chainrule.views.plotting.plots import plot_boundary

    return lambda path: _save(lambda: plot_boundary(model, X, y), path)


def neuron_drawing(model: MLP, row: list[float], names: Sequence[str]) -> Callable[[Path], None]:
    """Return what draws the graph of one neuron of the first layer for one row, with its gradients.

    It is the neuron with the largest output: one that the row leaves at 0 has no gradient to show.
    """

    def draw(path: Path) -> None:
        from chainrule.engine import Value, no_grad
        from chainrule.nn import Neuron
        from chainrule.views.drawing.dot import draw_dot

        # A neuron of its own, so that labels and gradients do not stay on the model.
        with no_grad():
            trained = max(model.layers[0].neurons, key=lambda each: each(row).data)
        neuron = Neuron(len(trained.w), trained.nonlin, trained.activation)
        for i, (copy, weight) in enumerate(zip(neuron.w, trained.w, strict=True)):
            copy.data, copy.label = weight.data, f"w{i}"
        neuron.b.data, neuron.b.label = trained.b.data, "b"
        inputs = [Value(number, label=name) for number, name in zip(row, names, strict=True)]
        output = neuron(inputs)
        output.label = "output"
        output.backward()
        write_whole(path, draw_dot(output).pipe(format="svg"))

    return draw


def _save(plot: Callable[[], Axes], path: Path) -> None:
    try:
        import matplotlib

        # A picture goes to a file: no window system is needed or asked for.
        matplotlib.use("Agg", force=True)
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingLibraryError("pictures need matplotlib: install it with pip install 'chainrule[plot]'") from error
    figure: Any = plot().figure
    picture = io.BytesIO()
    try:
        figure.savefig(picture, format=path.suffix[1:], dpi=150)
    finally:
        plt.close(figure)
    write_whole(path, picture.getvalue())
