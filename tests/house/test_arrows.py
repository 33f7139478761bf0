"""The layers import each other in one direction only; every lazy way up is named here with its reason."""

from __future__ import annotations

from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.house.arrows import Import, imports_of, imports_of_package, layer_of

ROOT = Path(__file__).parents[2] / "src" / "chainrule"

# Who may import whom when a module is imported. `errors` stands below everything.
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "files": {"errors"},
    "console": set(),
    "plain_json": set(),
    "_sources": set(),
    "_choose_engine": {"errors", "_sources"},
    "ops": {"errors"},
    "core": {"errors", "ops"},
    "engine": {"core"},
    "pickling": {"errors", "ops", "engine"},
    "graph": {"errors", "ops", "engine"},
    "functions": {"errors", "ops", "engine"},
    "losses": {"errors", "ops", "engine", "functions"},
    "optim": {"errors", "ops", "engine", "functions"},
    "nn": {"errors", "files", "ops", "engine", "functions"},
    "data": {"errors"},
    "views": {"errors", "files", "ops", "graph"},
    "compiler": {"errors", "files", "_sources", "ops", "engine", "graph"},
    "training": {
        "errors",
        "files",
        "console",
        "plain_json",
        "engine",
        "graph",
        "losses",
        "optim",
        "nn",
        "data",
        "compiler",
    },
}
# These stand above everything else: the command line, and the file of public names.
TOP = {"cli", "__main__", ""}
# Written by the build step, so not there in every checkout.
GENERATED = {"_build_info"}

# Imports inside functions that reach up: (module, function, layer) -> why it cannot be otherwise.
LAZY: dict[tuple[str, str, str], str] = {
    ("_choose_engine", "_why_not_compiled", "_build_info"): "it is there only where the engine was compiled",
    ("core.value", "Value._repr_html_", "views"): "a notebook asks the object itself for its picture",
    ("core.value", "Value._repr_mimebundle_", "views"): "a notebook asks the object itself for its picture",
    ("core.value", "Value.__copy__", "pickling"): "Python asks the object itself for its copy",
    ("core.value", "Value.__reduce_ex__", "pickling"): "Python asks the object itself how it is pickled",
    ("compiler.report", "Report._repr_html_", "views"): "a notebook asks the object itself for its tables",
    ("compiler.report", "Report._repr_mimebundle_", "views"): "a notebook asks the object itself for its tables",
    ("nn.module", "Module.fit", "training"): "people expect model.fit, as in Keras",
    ("nn.module", "Module.predict", "training"): "people expect model.predict",
    ("nn.module", "Module.score", "training"): "people expect model.score",
    ("nn.module", "Module._repr_html_", "views"): "a notebook asks the object itself for its table",
    ("nn.module", "Module._repr_mimebundle_", "views"): "a notebook asks the object itself for its table",
    ("training.history", "History.plot", "views"): "people expect history.plot",
    ("training.history", "History._repr_html_", "views"): "a notebook asks the object itself for its curves",
    ("training.history", "History._repr_mimebundle_", "views"): "a notebook asks the object itself for its curves",
}

PACKAGE_IMPORTS = list(imports_of_package(ROOT))


def goes_up(found: Import) -> bool:
    """True for an import that the arrows do not allow."""
    layer = layer_of(found.module)
    return layer not in TOP and found.target not in ARROWS.get(layer, set())


def show(found: Import) -> str:
    """One import as a person reads it."""
    return f"{found.module}:{found.line} {found.function or '(at import)'} -> {found.target or 'chainrule'}"


def test_every_layer_has_its_arrows() -> None:
    layers = (
        {layer_of(path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")) for path in ROOT.rglob("*.py")}
        - {"__init__", "__main__", "cli"}
        - GENERATED
    )
    assert layers == set(ARROWS)


def test_arrows_have_no_cycle() -> None:
    order = list(TopologicalSorter(ARROWS).static_order())
    assert set(order) == set(ARROWS)


def test_nothing_imports_upwards_at_import_time() -> None:
    assert [show(found) for found in PACKAGE_IMPORTS if not found.function and goes_up(found)] == []


def test_lazy_ways_up_are_the_listed_ones() -> None:
    lazy = {
        (found.module, found.function, found.target) for found in PACKAGE_IMPORTS if found.function and goes_up(found)
    }
    assert lazy == set(LAZY)
    assert all(LAZY.values()), "each way up has its reason"


@pytest.mark.parametrize(
    "source",
    [
        "import chainrule.nn",
        "import chainrule.nn.module as m",
        "from chainrule import nn",
        "from chainrule.nn import MLP",
        "from . import nn",
        "from .nn import MLP",
        "try:\n    from .nn import MLP\nexcept ImportError:\n    pass",
        "if True:\n    import chainrule.nn",
        "class Value:\n    from .nn import MLP",
        "with open('f'):\n    from .nn import MLP",
        "if TYPE_CHECKING:\n    pass\nelse:\n    from .nn import MLP",
        "import importlib\nnn = importlib.import_module('chainrule.nn')",
        "nn = __import__('chainrule.nn')",
    ],
)
def test_planted_wrong_arrow_is_found(source: str) -> None:
    [found] = imports_of(source, "engine", {"engine", "nn"})
    assert (found.function, found.target) == ("", "nn")
    assert goes_up(found)


def test_planted_import_of_the_package_itself_is_found() -> None:
    [found] = imports_of("from chainrule import Value", "engine", {"engine", "nn"})
    assert found.target == ""
    assert goes_up(found)


@pytest.mark.parametrize(
    ("module", "is_package", "source"),
    [
        ("views.dot", False, "from .. import nn"),
        ("views.dot", False, "from ..nn import MLP"),
        ("views", True, "from .. import nn"),
        ("views", True, "from ..nn.module import Module"),
    ],
)
def test_relative_imports_count_their_dots(module: str, is_package: bool, source: str) -> None:
    [found] = imports_of(source, module, {"views", "nn"}, is_package)
    assert found.target == "nn"


@pytest.mark.parametrize(
    "source",
    [
        "from .other import x",
        "from . import other",
        "from chainrule.views.other import x",
        "import numpy",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from chainrule.nn import MLP",
    ],
)
def test_what_is_no_arrow(source: str) -> None:
    assert list(imports_of(source, "views.dot", {"views", "nn"})) == []


def test_lazy_import_carries_its_function() -> None:
    source = "class Module:\n    def fit(self):\n        from chainrule.training import fit\n"
    [found] = imports_of(source, "nn.module", {"nn", "training"})
    assert found == Import("nn.module", "Module.fit", "training", 3)
