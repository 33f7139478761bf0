"""How a Module shows itself in a notebook: its layers as a table, and a small one's weights as a heatmap."""

from __future__ import annotations

from typing import Any

from chainrule.errors import ArgumentError
from chainrule.views.drawing.picture import LONGEST_TEXT, legible
from chainrule.views.drawing.svg import escape
from chainrule.views.notebooks.values import ROWS, bundle, image_html, table_html
from chainrule.views.notebooks.weights import layers_of, weights_chart
from chainrule.views.tracing.groups import module_path

MOST_LISTED = 100_000


def module_html(module: Any) -> str:
    """Return a table of the layers, or for another shape of its parts, and the heatmap of a small network."""
    count = len(module.parameters())
    kind = legible(type(module).__name__, LONGEST_TEXT)
    head = f"<p><b>{escape(kind)}</b>, {_counted(count, 'parameter')}</p>"
    layers = layers_of(module)
    if layers is None:
        return head + _parts(module, count)
    rows = [_layer(place, neurons) for place, neurons in enumerate(layers)]
    left_out = len(rows) - ROWS
    more = f"<p>{_counted(left_out, 'more layer')}</p>" if left_out > 0 else ""
    table = table_html(["layer", "inputs", "neurons", "activation", "parameters"], rows[:ROWS]) + more
    svg, title = weights_chart(layers)
    return head + table + (image_html(svg.encode(), title) if svg else "")


def module_bundle(module: Any) -> dict[str, str]:
    """Return what `_repr_mimebundle_` gives for a Module: HTML, and its repr as text."""
    return bundle(module, module_html(module))


def _layer(place: int, neurons: list[Any]) -> tuple[str, ...]:
    sizes = sorted({len(neuron.w) for neuron in neurons})
    inputs = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    names = list(dict.fromkeys(map(_activation, neurons)))
    activation = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    parameters = sum(len(neuron.w) + 1 for neuron in neurons)
    return str(place), inputs, f"{len(neurons):,}", activation, f"{parameters:,}"


def _activation(neuron: Any) -> str:
    """Return the name of what a neuron applies; a neuron of the user's own class may not say."""
    effective = getattr(neuron, "effective_activation", None)
    return legible(str(effective()), LONGEST_TEXT) if callable(effective) else ""


def _parts(module: Any, count: int) -> str:
    """Return how many parameters each part of a model has, by the path of the part."""
    if not 0 < count <= MOST_LISTED:
        return ""
    counts: dict[str, int] = {}
    try:
        for name, _ in module.named_parameters():
            path = module_path(name) or name
            counts[path] = counts.get(path, 0) + 1
    except ArgumentError:  # two parameters of one name: the total is still right
        return ""
    rows = [(legible(path, LONGEST_TEXT), f"{number:,}") for path, number in counts.items()]
    more = f"<p>{_counted(len(rows) - ROWS, 'more part')}</p>" if len(rows) > ROWS else ""
    return table_html(["part", "parameters"], rows[:ROWS]) + more


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
