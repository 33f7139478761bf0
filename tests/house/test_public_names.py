"""The public names, pinned: adding, renaming or losing one is a decision that shows in this file."""

from __future__ import annotations

import importlib
import types

import pytest

OPS = """
    abs acos asin asin atan atan2 cos cosh erf exp expm1 gelu hypot leaky_relu log log1p logsumexp maximum
    mean minimum relu sigmoid silu sin sinh softmax softplus sqrt sum tan tanh where dot
"""

NAMES: dict[str, str] = {
    "chainrule": OPS
    + """
        Value no_grad StaleGradientWarning trace draw_dot load
        engine functions graph losses nn optim
    """,
    "chainrule.engine": "Value no_grad StaleGradientWarning compiled",
    "chainrule.nn": "Module Neuron Layer MLP",
    "chainrule.optim": "SGD Adam AdamW",
    "chainrule.losses": "mse hinge cross_entropy binary_cross_entropy",
}


def public(module: types.ModuleType) -> set[str]:
    """The names that a module offers: its `__all__`, or else what it defines without an underscore."""
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return set(listed)
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    }


@pytest.mark.parametrize("name", NAMES)
def test_names_are_the_pinned_ones(name: str) -> None:
    assert public(importlib.import_module(name)) == set(NAMES[name].split())


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_there(name: str) -> None:
    module = importlib.import_module(name)
    assert [each for each in public(module) if not hasattr(module, each)] == []


def test_nothing_else_looks_public() -> None:
    """What `chainrule.` completes to in an editor is what is pinned, and the package's own modules."""
    module = importlib.import_module("chainrule")
    others = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert others - public(module) <= {"annotations"}


def test_version_is_the_installed_one() -> None:
    from importlib.metadata import PackageNotFoundError, version

    import chainrule

    try:
        installed = version("chainrule")
    except PackageNotFoundError:
        pytest.skip("chainrule is on the path, not installed")
    assert chainrule.__version__ == installed
