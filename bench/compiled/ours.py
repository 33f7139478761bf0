"""chainrule's own rows: the workloads eagerly, and as a compiled step that is called or repeats itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import chainrule as cr
from bench import jobs
from bench.compiled.job import Job
from bench.compiled.workloads import WORKLOADS, Workload


def gradient_of(workload: Workload) -> list[float]:
    """What the parameters' gradients hold now."""
    return [float(p.grad) for p in workload.parameters]


def eager(name: str) -> Job:
    """The workload as Python runs it; what every other row's loss and gradient are compared with."""
    workload = WORKLOADS[name]()

    def step() -> float:
        loss = workload.loss(*workload.lists)
        workload.optimizer.zero_grad()
        loss.backward()
        return loss.data

    first = step()
    gradient = gradient_of(workload)

    def advance(steps: int) -> float:
        last = 0.0
        for _ in range(steps):
            last = step()
            workload.optimizer.step()
        return last

    return Job(first, gradient, advance)


def compiled(name: str, way: str) -> Job:
    """A compiled step: called with 'lists' or 'arrays', or 'run', which takes all steps of a turn natively."""
    workload = WORKLOADS[name]()
    step: Any = cr.compile(workload.loss, optimizer=workload.optimizer)
    arguments = workload.lists if way == "lists" else workload.arrays
    loss = step(*arguments)
    gradient = gradient_of(workload)
    if way == "run":
        return Job(loss, gradient, lambda steps: step.run(steps, *arguments), 1, ran_natively(step))

    def advance(steps: int) -> float:
        last = 0.0
        for _ in range(steps):
            last = step(*arguments)
        return last

    advance(1)
    return Job(loss, gradient, advance, 2, ran_natively(step))


def ran_natively(step: Any) -> dict[str, str]:
    """Who ran the calls so far, as the report says; an eager fallback must not pass for compiled code."""
    report = step.report()
    counts = {name: getattr(report, f"{name}_calls") for name in ("native", "interpreted", "eager")}
    return {"executor": str(report.executor), "calls": ", ".join(f"{count} {name}" for name, count in counts.items())}


def loss_alone(name: str) -> Job:
    """The compiled loss without its gradient, under no_grad; nothing is learned."""
    return _without_update(name, cr.no_grad(), lambda _: None)


def loss_and_gradient(name: str) -> Job:
    """The compiled loss and `backward()`; nothing is learned."""
    return _without_update(name, nullcontext(), lambda loss: loss.backward())


def _without_update(name: str, context: AbstractContextManager[object], then: Callable[[Any], object]) -> Job:
    workload = WORKLOADS[name]()
    f: Any = cr.compile(workload.loss)
    first = f(*workload.arrays)
    first.backward()
    gradient = gradient_of(workload)

    parameter = workload.parameters[0]

    def advance(steps: int) -> float:
        last = first
        with context:
            for _ in range(steps):
                # as between two steps of a training; where nothing was written, parameters are not read again
                parameter.data = parameter.data
                last = f(*workload.arrays)
                then(last)
        return float(last.data)

    advance(1)
    return Job(first.data, gradient, advance, facts=ran_natively(f))


def micrograd() -> Job:
    """The demo as published, on micrograd itself."""
    return _of_eager_bench(jobs.demo_micrograd)


def plain_value() -> Job:
    """The GPT on a plain-Python Value."""
    return _of_eager_bench(jobs.gpt_plain)


def swapped() -> Job:
    """The GPT in plain sums of products on our Value, its Adam a Python loop."""
    return _of_eager_bench(jobs.gpt_swapped)


def _of_eager_bench(build: jobs.Build) -> Job:
    """A job of the eager benchmark; it checks losses and gradients itself, under a rate of its own."""
    job = build()

    def advance(steps: int) -> float:
        last = 0.0
        for _ in range(steps):
            last = job.step()
        return last

    return Job(advance(1), [], advance, 1)
