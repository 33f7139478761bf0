"""`cr.compile`: a function of Values that is traced once for each structure of arguments, and then runs compiled.

A call goes down these steps, the first two of them in C (`chainrule.core.calling`):

1. the arguments are compared with the structure of the trace that served last, and its program runs;
2. the guards are compared: what Python looked at during the trace must be the same now. They are: done;
3. otherwise the other traces are tried, and then the function is traced anew;
4. where that cannot be done, or never fits for long, it runs as the Python that it is, and says so once.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chainrule.compiler.building import Built, build, source_of
from chainrule.compiler.comparing import difference
from chainrule.compiler.describing import argument_names
from chainrule.compiler.report import Pass, Report
from chainrule.compiler.sentences import (
    compiler_failed,
    hint,
    not_traced,
    place_of,
    too_many_traces,
    trace_failed,
    warn,
)
from chainrule.compiler.specialising import Outline, Specialised, Structure, Trial, outline
from chainrule.compiler.tracing import Trace, trace
from chainrule.engine import MISS, Entries, Entry, tracing
from chainrule.errors import ArgumentError, NotTraceable, StaleTraceError

# Structures beyond these are forgotten, the one made longest ago first: each holds a program and its machine code.
MOST_STRUCTURES = 64


@dataclass(frozen=True)
class Options:
    """What a person may choose, and what a caller inside the package knows.

    Attributes:
        executor: 'auto', 'native' or 'tape'.
        max_traces: how often a structure is traced anew before it runs eagerly.
        check_every: every how many calls the results are compared with the function's own; None for never.
        expected_calls: how often it will be called, where that is known: decides whether machine code pays.
        say: is told the sentences about falling back.
        title: what sentences and reports call the function, in place of its name and line.
    """

    executor: str = "auto"
    max_traces: int = 8
    check_every: int | None = None
    expected_calls: float | None = None
    say: Callable[[str], None] = warn
    title: str = ""


class CompiledFunction(Entries):
    """What `cr.compile` returns: called as the function itself.

    Attributes:
        fn: the function.
        place: its name and line.
        traces: how often it was traced.
        eager_calls: how many calls ran as Python.
        notes: what was said.
    """

    __name__: str
    __wrapped__: Callable[..., Any]

    def __init__(self, fn: Callable[..., Any], options: Options) -> None:
        super().__init__()
        functools.update_wrapper(self, fn, updated=())
        self.fn = fn
        self.options = options
        self.place = options.title or place_of(fn)
        self.traces = self.eager_calls = self.calls = 0
        self.notes: list[str] = []
        self.structures: list[Structure] = []
        # How often calls of an outline could not be traced; at more than max_traces nobody tries again.
        self.refused: dict[Outline, int] = {}
        # Calls that traces served which are kept no longer.
        self.retired = {"native": 0, "tape": 0}
        self.lock = threading.RLock()
        # Comparing every n calls means counting them, which is done in `missed`.
        self.active = options.check_every is None

    def __reduce__(self) -> Any:
        """Copy and pickle the function without its traces; a name of its module is enough, as for any function."""
        return named_self(self) or (type(self), (self.fn, self.options))

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Bind like the function that it stands for, so that methods can be compiled."""
        return self if instance is None else types.MethodType(self, instance)

    def missed(self, arguments: tuple[Any, ...], keywords: dict[str, Any] | None) -> Any:
        """Serve a call for which no trace fitted, and every call where results are compared."""
        keywords = keywords or {}
        if tracing():  # inside another function's trace it is a part of that one
            return self.fn(*arguments, **keywords)
        result, refusal = self.serve(arguments, keywords, lambda each: each.entry.call(arguments, keywords))
        if result is MISS:
            return self.run_eagerly(arguments, keywords, refusal)
        self.calls += 1
        if self.options.check_every is not None and self.calls % self.options.check_every == 0:
            self.compare(result, arguments, keywords)
        return result

    def run_eagerly(
        self, arguments: tuple[Any, ...], keywords: dict[str, Any], refusal: NotTraceable | None = None
    ) -> Any:
        """Run the function as Python; remember why it was not traced only if it has no objection itself."""
        self.eager_calls += 1
        result = self.fn(*arguments, **keywords)
        if refusal is not None:
            self._refuse(refusal, arguments, keywords)
        return result

    def serve(
        self, arguments: tuple[Any, ...], keywords: dict[str, Any], use: Callable[[Specialised], Any]
    ) -> tuple[Any, NotTraceable | None]:
        """Return what `use` makes of a trace that fits, an old one or a new one.

        MISS, and why nothing could be traced, where the call is to run eagerly.
        """
        with self.lock:
            structure = self._structure_of(arguments, keywords)
            result, settled = self._serve_by_old(structure, arguments, keywords, use)
            if settled:
                return result, None
            if len(structure.traces) > self.options.max_traces:
                self._give_up(structure)
                return MISS, None
            try:
                made = self._specialise(arguments, keywords, trial=bool(structure.traces))
            except NotTraceable as refusal:
                return MISS, refusal
            self._keep(structure, made)
            return use(made), None

    def _serve_by_old(
        self,
        structure: Structure,
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
        use: Callable[[Specialised], Any],
    ) -> tuple[Any, bool]:
        """Return what `use` makes of an old trace, or MISS; and whether nothing needs to be traced."""
        if structure.eager:
            return MISS, True
        # Again, because another thread may have traced, and where results are compared nobody has tried.
        for each in reversed(structure.traces):
            if each.refusal is None:
                result = use(each)
                if result is not MISS:
                    self._put_first(each.entry)
                    return result, True
            elif each.entry.call(arguments, keywords) is not MISS:
                self._say_refusal(each, each.refusal)
                return MISS, True
        return MISS, self._refuses(arguments, keywords)

    def compare(self, result: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        """Compare a result with that of the function itself.

        Raises:
            StaleTraceError: they differ; the next call traces anew.
        """
        self.require_same(result, self.fn(*arguments, **keywords))

    def require_same(self, result: Any, own: Any) -> None:
        """Compare a result with one that the function itself returned: see `compare`."""
        found = difference(result, own)
        if found is not None:
            self.forget()
            raise StaleTraceError(
                f"{self.place} no longer computes what was traced: {found}; something that it reads and that is "
                "neither an argument nor a Value has changed: pass it as an argument"
            )

    def forget(self) -> None:
        """Drop every trace; the next call traces anew."""
        with self.lock:
            for structure in self.structures:
                self._retire(structure)
            self.structures.clear()
            self.refused.clear()

    def report(self) -> Report:
        """Return who served the calls so far, what was traced, which passes took how long, and what is guarded."""
        names = argument_names(self.fn)
        with self.lock:
            kept = self._kept()
            served = dict(self.retired)
            for each in kept:
                each.add_calls(served)
            return Report(
                function=self.place,
                native_calls=served["native"],
                interpreted_calls=served["tape"],
                eager_calls=self.eager_calls,
                traces=self.traces,
                specialisations=tuple(each.summary(names) for each in kept),
                notes=tuple(dict.fromkeys(self.notes)),
            )

    def program(self) -> str:
        """Return the program that served the last call, one line a scalar.

        Raises:
            ArgumentError: no trace has been made, or none is kept.
        """
        from chainrule.compiler.printing import program_text

        return program_text(self._latest().traced.program)

    def source(self) -> str:
        """Return the code that served the last call, in LLVM's language; on the tape, the program is the code.

        Raises:
            ArgumentError: no trace has been made, or none is kept.
        """
        latest = self._latest()
        return source_of(latest.traced.program) if latest.built.name == "native" else self.program()

    def __repr__(self) -> str:
        return f"<compiled {self.place}>"

    def _structure_of(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Structure:
        """Return what is known of arguments of this structure; a new one without traces where nothing is."""
        for structure in reversed(self.structures):
            if structure.traces[0].entry.matches(arguments, keywords):
                if self.structures[-1:] != [structure]:  # the one found last comes last
                    self.structures = [*[each for each in self.structures if each is not structure], structure]
                return structure
        return Structure()

    def _specialise(self, arguments: tuple[Any, ...], keywords: dict[str, Any], *, trial: bool) -> Specialised:
        """Trace and build; machine code waits where that is on trial.

        Raises:
            NotTraceable: it cannot be traced.
        """
        self.traces += 1
        started = time.perf_counter()
        try:
            traced = trace(self.fn, arguments, keywords)
        except NotTraceable:
            raise
        except Exception as error:
            raise NotTraceable(trace_failed(error)) from error
        seconds = time.perf_counter() - started
        built = self._build(traced, trial=trial)
        built.passes.insert(0, Pass("trace", seconds))
        entry = Trial(built.executor, traced, self._promote) if built.trial else Entry(built.executor, traced)
        return Specialised(entry, traced, built)

    def _build(self, traced: Trace, *, trial: bool = False) -> Built:
        """Return what runs a trace; say what went wrong."""
        built = build(traced.program, self.options.executor, self.options.expected_calls, trial=trial)
        if built.hint and self.options.say is warn:
            hint(built.note)
        if built.failure:
            self._say(compiler_failed(self.place, built.failure))
        return built

    def _promote(self, trial: Trial) -> None:
        """Give a trace that has shown its use the executor that was asked for."""
        with self.lock:
            for each in self._kept():
                if each.entry is trial:  # else another thread came first, or the trace is kept no longer
                    each.take_over(self._build(each.traced))
                    self.entries.insert(0, each.entry)
                    self.entries.remove(trial)

    def _put_first(self, entry: Any) -> None:
        """Have a trace tried first that `serve` found, as a call does with one that it found itself."""
        if entry in self.entries and self.entries[0] is not entry:
            self.entries.remove(entry)
            self.entries.insert(0, entry)

    def _keep(self, structure: Structure, made: Specialised) -> None:
        """Add a trace to those that are tried, and make room for its structure."""
        if not structure.traces:
            if len(self.structures) >= MOST_STRUCTURES:
                least = self._least_used()
                self.structures.remove(least)
                self._retire(least)
            self.structures.append(structure)
        structure.traces.append(made)
        if made.refusal is None:
            self.entries.insert(0, made.entry)

    def _least_used(self) -> Structure:
        """Return the structure that no call has asked for for the longest time.

        The order of the entries tells it of those that are tried, the order in which `serve` found them of the others.
        """
        owners = {each.entry: structure for structure in self.structures for each in structure.traces}
        tried = list(dict.fromkeys(owners[entry] for entry in self.entries if entry in owners))
        return next(each for each in self.structures if each not in tried or each is tried[-1])

    def _give_up(self, structure: Structure) -> None:
        """Run a structure eagerly from now on, and say why; one trace stays, to know the structure by."""
        last = structure.traces[-1]
        if last.refusal is not None:
            self._say(not_traced(self.place, last.refusal))
        else:
            self._say(too_many_traces(self.place, len(structure.traces), last.failed()))
        self._retire(structure)
        structure.eager = True
        del structure.traces[1:]

    def _retire(self, structure: Structure) -> None:
        """Take the traces of a structure away from those that are tried."""
        for each in structure.traces:
            if each.entry in self.entries:
                self.entries.remove(each.entry)
                each.add_calls(self.retired)

    def _refuses(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
        """Tell whether calls that look like this one have shown that they cannot be traced."""
        return bool(self.refused) and self.refused.get(outline(arguments, keywords), 0) > self.options.max_traces

    def _refuse(self, refusal: NotTraceable, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        """Remember that a call could not be traced; say so when it will not be tried again."""
        if refusal.temporary and refusal.__cause__ is None:  # another thread is tracing
            return
        if refusal.trace is not None:
            self._keep_refusal(refusal, arguments, keywords)
            return
        key = outline(arguments, keywords)
        with self.lock:
            more = 1 if refusal.depends_on_data else self.options.max_traces + 1
            self.refused[key] = self.refused.get(key, 0) + more
            if len(self.refused) > MOST_STRUCTURES:
                del self.refused[next(iter(self.refused))]
        if self._refuses(arguments, keywords):
            self._say(not_traced(self.place, refusal))

    def _keep_refusal(self, refusal: NotTraceable, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        """Keep a trace that returns no Value, to know by its structure and guards the calls that will do the same."""
        with self.lock:
            built = build(refusal.trace.program, "tape")
            made = Specialised(Entry(built.executor, refusal.trace), refusal.trace, built, refusal=refusal)
            self._keep(self._structure_of(arguments, keywords), made)
        self._say_refusal(made, refusal)

    def _say_refusal(self, each: Specialised, refusal: NotTraceable) -> None:
        """Say why calls that a trace fits run as Python; where others may do better, only when these come often."""
        if not refusal.depends_on_data or each.entry.calls >= self.options.max_traces:
            self._say(not_traced(self.place, refusal))

    def _kept(self) -> list[Specialised]:
        """Return the traces in use, the one that served last first."""
        found = {id(each.entry): each for structure in self.structures for each in structure.traces}
        return [found[id(entry)] for entry in self.entries if id(entry) in found]

    def _latest(self) -> Specialised:
        with self.lock:
            kept = self._kept()
        if not kept:
            why = f": {self.notes[-1]}" if self.notes else ": call it once"
            raise ArgumentError(f"{self.place} has no program{why}")
        return kept[0]

    def _say(self, sentence: str) -> None:
        """Say a sentence, each only once."""
        if sentence not in self.notes:
            self.notes.append(sentence)
            self.options.say(sentence)


def named_self(thing: Any) -> str | None:
    """Return the name by which a decorated function is found in its module, where it is."""
    name = getattr(thing, "__qualname__", "")
    found: Any = sys.modules.get(getattr(thing, "__module__", None) or "")
    for part in name.split("."):
        found = getattr(found, part, None)
    return name if found is thing else None
