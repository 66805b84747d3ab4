"""namespaces - the network namespaces of a run, and their removal with all that is in them.

The PID of a run is part of the names of its namespaces and of its twinpath instance (peer_twinpath.py), and so of the
pins and files that a killed daemon leaves.
"""

import contextlib
import os
import pathlib
import re
import shutil
import time
from collections.abc import Callable, Iterable

from shell import Failed, run, signals_blocked

PREFIX = "twbench"
NETNS_FOLDER = pathlib.Path("/run/netns")
PINS = pathlib.Path("/sys/fs/bpf/twinpath")
RUN_FOLDER = pathlib.Path("/run/twinpath")


def name_of(pid: int, part: str) -> str:
    return f"{PREFIX}{pid}-{part}"


def namespaces_of(pid: int) -> list[str]:
    return sorted(path.name for path in NETNS_FOLDER.glob(name_of(pid, "*")))


def pids_of_runs() -> set[int]:
    """Of the runs that have namespaces."""
    names = [path.name for path in NETNS_FOLDER.glob(f"{PREFIX}*")] if NETNS_FOLDER.exists() else []
    matches = (re.fullmatch(PREFIX + r"(\d+)-.*", name) for name in names)
    return {int(match[1]) for match in matches if match}


def is_namespace(name: str) -> bool:
    """An interrupted `ip netns add` leaves a file that is none."""
    return (NETNS_FOLDER / name).stat().st_dev == os.stat("/proc/self/ns/net").st_dev


def remove(pid: int, names: Iterable[str], before_delete: Callable[[], None]) -> None:
    """Ends the processes in the namespaces, calls `before_delete`, which moves devices out that must not be destroyed,
    and deletes the namespaces. When `before_delete` raises, they are not deleted.
    """
    with signals_blocked():
        there = [name for name in names if (NETNS_FOLDER / name).exists()]
        for name in there:
            _end_processes(name)
        _remove_files(pid)
        before_delete()
        for name in there:
            with contextlib.suppress(Failed):
                run(["ip", "netns", "delete", name])


def _remove_files(pid: int) -> None:
    """A pin would keep a program attached to a device that outlives its namespace."""
    shutil.rmtree(PINS / f"{PREFIX}{pid}", ignore_errors=True)
    for file in RUN_FOLDER.glob(f"{PREFIX}{pid}.*"):
        file.unlink(missing_ok=True)


def _end_processes(name: str) -> None:
    """A process would keep its namespace alive after the name is deleted."""
    for signal in (15, 9):
        pids = _pids(name)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal)
        deadline = time.monotonic() + 5
        while pids and _pids(name) and time.monotonic() < deadline:
            time.sleep(0.05)


def _pids(name: str) -> list[int]:
    try:
        return [int(word) for word in run(["ip", "netns", "pids", name]).split() if int(word) != os.getpid()]
    except Failed:
        return []
