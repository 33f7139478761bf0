"""How a compiled function's report shows itself in a notebook: the calls, the sizes, and the passes as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainrule.views.drawing.picture import LONGEST_HINT, legible
from chainrule.views.drawing.svg import escape
from chainrule.views.notebooks.values import ROWS, bundle, details_html, table_html
from chainrule.views.tracing.numbers import number_text

if TYPE_CHECKING:
    from chainrule.compiler.report import Report, Specialisation


def report_html(report: Report) -> str:
    """Return who ran the calls, a row for each trace, and what is guarded; bounded, however many there are."""
    calls = [
        ("native", report.native_calls),
        ("interpreted", report.interpreted_calls),
        ("eager", report.eager_calls),
    ]
    served = table_html(["calls", "number"], [(name, f"{number:,}") for name, number in calls])
    head = f"<p><b>{escape(legible(report.function, LONGEST_HINT))}</b>, traced {report.traces:,} times</p>"
    rows = [_row(each) for each in report.specialisations[:ROWS]]
    left_out = len(report.specialisations) - ROWS
    more = f"<p>and {left_out:,} more</p>" if left_out > 0 else ""
    traces = table_html(["arguments", "runs as", "calls", "sizes", "compiled in (s)"], rows) + more if rows else ""
    notes = "".join(f"<p>{escape(legible(note, LONGEST_HINT))}</p>" for note in report.notes[:ROWS])
    return head + served + traces + notes + _passes(report) + _guards(report)


def report_bundle(report: Report) -> dict[str, str]:
    """Return what `_repr_mimebundle_` gives for a report: HTML, and its repr as text."""
    return bundle(report, report_html(report))


def _row(each: Specialisation) -> tuple[str, ...]:
    sizes = " → ".join(f"{number:,} {name}" for name, number in each.sizes.items())
    return legible(each.structure, LONGEST_HINT), each.executor, f"{each.calls:,}", sizes, number_text(each.seconds)


def _passes(report: Report) -> str:
    """Return how long each pass of the trace that was used last took."""
    if not report.specialisations or not report.specialisations[0].passes:
        return ""
    rows = [(step.name, number_text(step.seconds * 1e3)) for step in report.specialisations[0].passes]
    return details_html("The passes as a table", table_html(["pass", "milliseconds"], rows))


def _guards(report: Report) -> str:
    if not report.guards:
        return ""
    rows = [(legible(guard, LONGEST_HINT),) for guard in report.guards[:ROWS]]
    return details_html(f"What is checked at every call ({len(report.guards):,})", table_html(["guard"], rows))
