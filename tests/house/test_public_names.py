"""The public names, pinned: adding, renaming or losing one is a decision that shows in this file."""

from __future__ import annotations

import importlib
import re
import types
from pathlib import Path

import pytest

import chainrule

ENGINE_SOURCE = Path(chainrule.__file__).parent / "engine.py"
ENGINE_LIST = re.compile(r'"(\w+)"')

NAMES: dict[str, str] = {
    "chainrule": """
        Value no_grad StaleGradientWarning SlowEngineWarning compile CompileWarning
        acos asin atan atan2 cos cosh erf exp expm1 gelu hypot leaky_relu log log1p maximum minimum relu
        sigmoid silu sin sinh softplus sqrt tan tanh where
        dot logsumexp mean softmax sum
        trace draw_dot explain to_html show plot_boundary plot_function load
        errors losses nn optim
    """,
    "chainrule.engine": """
        Value no_grad StaleGradientWarning
        apply dot logsumexp sum make_node parts set_op is_leaf is_constant has_closure attributes_of op_of
        topological_order local_derivatives read_data read_grad write_data write_grad zero_grad keep_dead_nodes
        Survey give_memory_back compiled is_compiled
        knows_slopes set_no_grad_depth StandIn tracing start_tracing stop_tracing export Scanner
        number_argument value_argument node_behind kind_behind place_of_input
        Tape Native Entry Entries MISS Step Steps deferring
    """,
    "chainrule.graph": """
        Value no_grad trace excerpt Excerpt require_value topological_order
        has_closure is_constant is_leaf keep_dead_nodes knows_slopes local_derivatives op_of parts
    """,
    "chainrule.functions": "dot logsumexp mean softmax sum",
    "chainrule.nn": "Module Neuron Layer MLP load read_extra",
    "chainrule.optim": """
        SGD Adam AdamW Optimizer Hyperparameter Update
        sgd momentum_sgd adam adamw with_decay decayed checked_parameters
    """,
    "chainrule.losses": """
        mse hinge cross_entropy binary_cross_entropy ProbabilitiesAsLogitsWarning
    """,
    "chainrule.training": "fit predict score History Callback EarlyStopping DivergenceWarning",
    "chainrule.errors": """
        ChainruleError ArgumentError ArityError DataError ExtensionError GraphError MissingLibraryError
        MissingModelFileError ModelFileError NotCompilableError NotTraceable NumberError PickleError ProgramError
        StaleTraceError TooLargeError WriteError
    """,
}


def public(module: types.ModuleType) -> set[str]:
    """The names that a module offers: its `__all__`, or else what it defines without an underscore."""
    listed = getattr(module, "__all__", None)
    if module.__name__ == "chainrule.engine" and listed is None:
        # Compiled, its parts are one module; what it offers is what its source lists.
        listed = ENGINE_LIST.findall(ENGINE_SOURCE.read_text("utf-8").partition("__all__")[2])
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
    assert others - public(module) == {"choose"}  # what decides, before all else, which engine runs


def test_version_is_the_installed_one() -> None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        installed = version("chainrule")
    except PackageNotFoundError:
        pytest.skip("chainrule is on the path, not installed")
    assert chainrule.__version__ == installed
