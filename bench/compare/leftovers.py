"""leftovers - what runs that were killed have left: processes, pins, namespaces, and devices that are not theirs."""

import pathlib

from loan import home, noted, read_loan
from namespaces import namespaces_of, numbers, remove
from shell import Failed


def remove_leftovers() -> list[str]:
    """Returns what had to stay, in sentences."""
    return [why for number in sorted(numbers() | set(noted())) if not _runs(number) for why in _remove(number)]


def _runs(number: int) -> bool:
    """Not every process that has the number now is a benchmark."""
    try:
        return b"compare/main.py" in pathlib.Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return False


def _remove(number: int) -> list[str]:
    loan = read_loan(number)
    if loan and loan.home != home():
        names = ", ".join(device.name for device in loan.devices.values())
        return [f"{names}: taken by a run that was killed, from another network namespace: give them back from there"]
    try:
        remove(number, namespaces_of(number), loan.give_back if loan else lambda: None)
    except Failed as error:
        return [str(error)]
    return []
