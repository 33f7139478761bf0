"""Says in words what the benchmark ran on: processor, memory, system and versions, never a name or a path."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from bench.harness import ROOT

PEERS = ("micrograd", "scalargrad", "xad", "torch")
_ASK_ENGINE = "import chainrule.engine as e; print('compiled' if e.compiled else 'uncompiled')"


def processor() -> str:
    """The processor's name and how many of it this process may use."""
    names = [
        line.partition(":")[2].strip() for line in _read("/proc/cpuinfo").splitlines() if line.startswith("model name")
    ]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"


def memory() -> str:
    """Main memory in GiB."""
    for line in _read("/proc/meminfo").splitlines():
        if line.startswith("MemTotal"):
            return f"{int(line.split()[1]) / 2**20:.0f} GiB"
    return "memory unknown"


def versions(peers: Sequence[str] = PEERS) -> dict[str, str]:
    """The installed version of each peer that is installed."""
    found = {}
    for peer in peers:
        try:
            found[peer] = metadata.version(peer)
        except metadata.PackageNotFoundError:
            continue
    return found


def engine() -> str:
    """Whether chainrule's engine is compiled here, asked in a process of its own."""
    source = str(ROOT / "src")
    asked = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({source!r}); {_ASK_ENGINE}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or "does not import"


def c_compiler() -> str:
    """The version of gcc, or that there is none."""
    try:
        said = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return "none"
    return said.partition("\n")[0]


def in_words() -> str:
    """Processor, memory and system."""
    return f"{processor()} (shared), {memory()}, {platform.system()} {platform.machine()}"


def load() -> str:
    """How many processes wanted to run, on average over the last minute: more than there are cores disturb."""
    return f"{os.getloadavg()[0]:.1f}"


def python() -> str:
    """The interpreter's version."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
