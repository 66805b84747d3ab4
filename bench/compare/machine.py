"""machine - what rates depend on besides the code: kernel, processor, versions."""

import os
import pathlib
import platform

from shell import Failed, run


def facts(root: pathlib.Path, clang: str) -> dict[str, str]:
    """`clang` is the compiler of the BPF programs."""
    return {
        "kernel": f"{platform.system()} {platform.release()}",
        "cpu": _cpu(),
        "cpus": str(os.cpu_count()),
        "memory": _memory(),
        "system": _system(),
        "twinpath": _commit(root),
        "BPF": _first_line([clang, "--version"]),
        "load": "%.2f before the run" % os.getloadavg()[0],
    }


def _field(file: str, name: str) -> str:
    for line in pathlib.Path(file).read_text().splitlines():
        if line.startswith(name):
            return line.split(":", 1)[1].strip()
    return "unknown"


def _cpu() -> str:
    return _field("/proc/cpuinfo", "model name")


def _memory() -> str:
    return f"{int(_field('/proc/meminfo', 'MemTotal').split()[0]) / 1024 / 1024:.1f} GiB"


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")


def _first_line(words: list[str]) -> str:
    try:
        return run(words).splitlines()[0]
    except Failed:
        return "unknown"


def _commit(root: pathlib.Path) -> str:
    return _first_line(["git", "-C", str(root), "describe", "--always", "--dirty"])
