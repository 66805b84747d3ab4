"""leftovers - removes what killed runs left: processes, pins and namespaces; and restores the NICs that they took."""

import pathlib

from namespaces import namespaces_of, pids_of_runs, remove
from nic_restore import current_netns, read_saved, saved_pids
from shell import Failed


def remove_leftovers() -> list[str]:
    """Returns sentences: what could not be removed or restored, and why."""
    return [why for pid in sorted(pids_of_runs() | saved_pids()) if not _runs(pid) for why in _remove(pid)]


def _runs(pid: int) -> bool:
    """The PID of a run that has ended may belong to another program now."""
    try:
        return b"compare/main.py" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _remove(pid: int) -> list[str]:
    saved = read_saved(pid)
    if saved and saved.host_netns != current_netns():
        names = ", ".join(device.name for device in saved.devices.values())
        return [f"{names}: taken by a run that was killed, from another network namespace: restore them from there"]
    try:
        remove(pid, namespaces_of(pid), saved.restore if saved else lambda: None)
    except Failed as error:
        return [str(error)]
    return []
