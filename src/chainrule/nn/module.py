"""Module: whatever holds parameters; it finds, names, zeroes, saves and loads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.engine import Value, write_data, zero_grad
from chainrule.errors import ArgumentError
from chainrule.ops import real_number

if TYPE_CHECKING:
    from chainrule.training import History


class Module:
    """Base of everything with parameters, as in micrograd.

    A subclass needs nothing but attributes: Values, Modules, and lists, tuples and dicts of these are found
    in the order in which they were assigned, each Value once, by the first name that leads to it. Interior
    nodes of a graph (a kept activation, say) are no parameters. A subclass may instead override
    `parameters()` alone, as programs for micrograd do: what that returns, in its order, is then what is
    named, zeroed, saved and loaded.
    """

    def parameters(self) -> list[Value]:
        """Return the parameters, each once, in the order of the attributes."""
        return [value for _, value in _found(self, ask_modules=True)]

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Give (name, parameter) in the order of `parameters()`, e.g. `layers.0.neurons.3.w.1`.

        A parameter that only an overridden `parameters()` knows is named by its place: `parameters.7`.

        Raises:
            ArgumentError: two parameters have the same name, as with the keys 1 and '1' of one dict.
        """
        names = {id(value): name for name, value in _found(self, ask_modules=False)}
        taken: set[str] = set()
        for place, value in enumerate(self.parameters()):
            name = names.get(id(value), f"parameters.{place}")
            if name in taken:
                raise ArgumentError(
                    f"{type(self).__name__} has two parameters named {name!r}: "
                    f"rename the attribute or dict key that leads to one of them"
                )
            taken.add(name)
            yield name, value

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        zero_grad(self.parameters())

    def state_dict(self) -> dict[str, float]:
        """Return every parameter's number by name, in the order of `parameters()`; a copy."""
        return {name: value.data for name, value in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set every parameter to the number of its name; all of them or, on an error, none.

        Raises:
            ArgumentError: a name is missing, or no parameter has it.
            NumberError: something that is not a real number.
        """
        import numpy as np

        named = dict(self.named_parameters())
        complaint = name_difference(set(named), set(state))
        if complaint:
            raise ArgumentError(f"the state does not fit this {type(self).__name__}: {complaint}")
        numbers = [real_number(state[name], f"parameter {name!r}") for name in named]
        write_data(list(named.values()), np.array(numbers, dtype=np.float64))

    def save(self, path: str | Path, extra: Mapping[str, Any] | None = None) -> None:
        """Write the parameters, bit for bit, and the architecture to a safetensors file.

        The file is written beside its place and moved there when it is complete, so that an interrupted
        save leaves what was there before.

        Args:
            path: the file; its folder must exist.
            extra: anything that JSON can hold (columns, scaling, classes), read by `nn.read_extra(path)`.

        Raises:
            WriteError: the file cannot be written; what was there is unchanged.
            ArgumentError: `extra` holds what JSON cannot, nan and inf included.
        """
        from chainrule.nn.saving import save

        save(self, path, extra)

    def load(self, path: str | Path) -> None:
        """Read the parameters from a file that `save` wrote; all of them or, on an error, none.

        Raises:
            ModelFileError: the file is missing, damaged, or holds another model than this one.
        """
        from chainrule.nn.saving import load_into

        load_into(self, path)

    def fit(  # noqa: PLR0917 - Keras passes these by position too
        self,
        X: Any,
        y: Any,
        epochs: int = 100,
        batch_size: int | None = 32,
        validation_data: tuple[Any, Any] | None = None,
        loss: Any = None,
        optimizer: Any = None,
        callbacks: Sequence[Any] = (),
        verbose: str | int | bool = "auto",
        **options: Any,
    ) -> History:
        """Train on a table of numbers and return what happened: `chainrule.training.fit(self, …)`."""
        from chainrule.training import fit

        return fit(
            self,
            X,
            y,
            epochs=epochs,
            batch_size=batch_size,
            validation_data=validation_data,
            loss=loss,
            optimizer=optimizer,
            callbacks=callbacks,
            verbose=verbose,
            **options,
        )

    def predict(self, X: Any) -> Any:
        """Return the outputs for a table of numbers, one row each: `chainrule.training.predict(self, X)`."""
        from chainrule.training import predict

        return predict(self, X)

    def score(self, X: Any, y: Any, **options: Any) -> float:
        """Return the accuracy or R² on a table of numbers: `chainrule.training.score(self, X, y, …)`."""
        from chainrule.training import score

        return score(self, X, y, **options)

    def _repr_html_(self) -> str:
        from chainrule.views.notebooks.models import module_html

        return module_html(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from chainrule.views.notebooks.models import module_bundle

        del include, exclude  # the caller chooses among all of these
        return module_bundle(self)


# What the walk below looks at; everything else in a module (numbers, names, data) is passed over.
HOLDERS = (Value, Module, list, tuple, dict)


def name_difference(expected: set[str], given: set[str]) -> str:
    """Return in words which names are missing and which are unknown; empty when the sets are equal."""
    parts = []
    for what, names in (("missing", expected - given), ("unknown", given - expected)):
        if names:
            shown = ", ".join(repr(str(name)[:60]) for name in sorted(names, key=str)[:3])
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            parts.append(f"{what} {shown}{more}")
    return "; ".join(parts)


def _found(root: Module, ask_modules: bool) -> Iterator[tuple[str, Value]]:
    """Walk the attributes of root: every leaf Value once, with its dotted name.

    With `ask_modules`, a module inside that overrides `parameters()` answers for itself (it may leave some
    out); otherwise all attributes are followed. The stack is explicit and each container is entered once,
    so a module that refers back to its parent is walked like any other.
    """
    seen: dict[int, object] = {}  # holds the objects, so that no identity is used twice
    stack: list[tuple[str, object]] = [("", root)]
    while stack:
        name, item = stack.pop()
        if id(item) in seen:
            continue
        seen[id(item)] = item
        if isinstance(item, Value):
            if item._op == "":
                yield name, item
        else:
            prefix = f"{name}." if name else ""
            children = _children(item, ask_modules and item is not root)
            stack.extend((f"{prefix}{key}", child) for key, child in reversed(children) if isinstance(child, HOLDERS))


def _children(item: object, ask: bool) -> list[tuple[object, object]]:
    """Return what may hold parameters inside an object: (attribute, key or index; what is there)."""
    if isinstance(item, Module):
        if ask and type(item).parameters is not Module.parameters:
            return list(enumerate(item.parameters()))
        return list(getattr(item, "__dict__", {}).items())
    if isinstance(item, (list, tuple)):
        return list(enumerate(item))
    if isinstance(item, dict):
        return list(item.items())
    return []
