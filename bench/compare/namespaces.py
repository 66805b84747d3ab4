"""namespaces - the network namespaces of a run, and how they go, with all that is in them.

A run is known by the number of its process. It has this number in the names of its namespaces, of twinpath's instance
(peer_twinpath.py) and so of the pins and files of that, which a daemon leaves when it is killed.
"""

import contextlib
import os
import pathlib
import re
import shutil
import time
from collections.abc import Callable, Iterable

from shell import Failed, run, undisturbed

PREFIX = "twbench"
NETNS_FOLDER = pathlib.Path("/run/netns")
PINS = pathlib.Path("/sys/fs/bpf/twinpath")
RUN_FOLDER = pathlib.Path("/run/twinpath")


def name_of(number: int, part: str) -> str:
    return f"{PREFIX}{number}-{part}"


def namespaces_of(number: int) -> list[str]:
    return sorted(path.name for path in NETNS_FOLDER.glob(name_of(number, "*")))


def numbers() -> set[int]:
    """Of all runs that have namespaces."""
    names = [path.name for path in NETNS_FOLDER.glob(f"{PREFIX}*")] if NETNS_FOLDER.exists() else []
    matches = (re.fullmatch(PREFIX + r"(\d+)-.*", name) for name in names)
    return {int(match[1]) for match in matches if match}


def is_namespace(name: str) -> bool:
    """An interrupted `ip netns add` leaves a file that is none."""
    return (NETNS_FOLDER / name).stat().st_dev == os.stat("/proc/self/ns/net").st_dev


def remove(number: int, names: Iterable[str], rescue: Callable[[], None]) -> None:
    """`rescue` takes out what shall outlive them, when nothing runs in them any more; where it fails, they stay."""
    with undisturbed():
        there = [name for name in names if (NETNS_FOLDER / name).exists()]
        for name in there:
            _end_processes(name)
        _remove_files(number)
        rescue()
        for name in there:
            with contextlib.suppress(Failed):
                run(["ip", "netns", "delete", name])


def _remove_files(number: int) -> None:
    """Pins would keep a program on a device that outlives its namespace."""
    shutil.rmtree(PINS / f"{PREFIX}{number}", ignore_errors=True)
    for file in RUN_FOLDER.glob(f"{PREFIX}{number}.*"):
        file.unlink(missing_ok=True)


def _end_processes(name: str) -> None:
    """What still runs in a namespace would keep it alive behind its name."""
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
