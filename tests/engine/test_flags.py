"""The bits of a node's flags are different ones, and fit into the 16 that it has for them."""

from __future__ import annotations

import ast
from pathlib import Path

FLAGS = Path(__file__).parents[2] / "src" / "chainrule" / "core" / "flags.py"


def test_every_flag_is_a_bit_of_its_own() -> None:
    bits = [
        ast.literal_eval(node.value)
        for node in ast.walk(ast.parse(FLAGS.read_text("utf-8")))
        if isinstance(node, ast.Assign)
    ]
    assert len(bits) > 5
    assert sum(bits).bit_count() == len(bits)
    assert all(bit.bit_count() == 1 for bit in bits)
    assert sum(bits) < 2**15
