"""A report tells who ran the calls; as text and in a notebook it is bounded and harmless, whatever it is of."""

from __future__ import annotations

from chainrule.compiler.report import MOST_GUARDS, MOST_STRUCTURES, Pass, Report, Specialisation


def specialisation(**options: object) -> Specialisation:
    given = {
        "structure": "X: list",
        "executor": "native",
        "calls": 3,
        "sizes": {"nodes traced": 65_818, "classes": 39},
        "passes": (Pass("trace", 0.006), Pass("machine code", 1.5)),
        "guards": ("line 3: if x > 0",),
    }
    return Specialisation(**given | options)  # type: ignore[arg-type]


def test_as_text() -> None:
    report = Report("loss (train.py:3)", 3, 0, 1, 2, (specialisation(),), ("said once",))
    assert str(report).splitlines() == [
        "loss (train.py:3): 3 native, 0 interpreted, 1 eager calls; 2 traces",
        "  X: list: native, 3 calls",
        "    65,818 nodes traced → 39 classes",
        "    trace 6 ms, machine code 1.5 s; 1.51 s in all",
        "    guard: line 3: if x > 0",
        "  said once",
    ]
    assert repr(report) == str(report)


def test_executor_names_the_most_used_first() -> None:
    assert Report("f").executor == "none yet"
    assert Report("f", specialisations=(specialisation(executor="tape"),)).executor == "tape"
    assert Report("f", native_calls=1, interpreted_calls=5, eager_calls=2).executor == "tape, eager, native"


def test_guards_are_told_once() -> None:
    assert Report("f", specialisations=(specialisation(), specialisation())).guards == ("line 3: if x > 0",)


def test_text_and_table_are_bounded() -> None:
    many = tuple(specialisation(guards=tuple(map(str, range(1000)))) for _ in range(100))
    report = Report("f", specialisations=many, notes=("a" * 10_000,) * 100)
    lines = str(report).splitlines()
    assert sum(line.startswith("    guard:") for line in lines) == MOST_STRUCTURES * MOST_GUARDS
    assert f"  … and {100 - MOST_STRUCTURES} more specialisations" in lines
    assert len(report._repr_html_()) < 100_000


def test_notebook_shows_tables_and_no_html_of_the_program() -> None:
    one = specialisation(structure="<script>", guards=("<i>",))
    report = Report("<b>f", 3, specialisations=(one,), notes=("<hr>",))
    shown = report._repr_mimebundle_()
    assert shown["text/plain"] == str(report)
    assert shown["text/html"] == report._repr_html_()
    for part in ("<b>f", "<script>", "<i>", "<hr>"):
        assert part not in shown["text/html"]
    for part in ("native", "65,818", "machine code", "&lt;i&gt;"):
        assert part in shown["text/html"]


def test_notebook_shows_a_function_that_was_never_called() -> None:
    html = Report("f")._repr_html_()
    assert "traced 0 times" in html
    assert "guard" not in html
