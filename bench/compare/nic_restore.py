"""nic_restore - the NICs of the host that a run uses: their state is saved before the run and restored after it.

Between measurements the NICs are in a namespace of the run, the parking namespace, so that the host sees each of them
leave and return once. A file in /run has their saved state: after a run was killed, a later one restores them from it.
Deleting a namespace destroys its virtual devices and returns a NIC without its name and settings, so every device
leaves a namespace before that is deleted.
"""

import dataclasses
import json
import os
import pathlib
import re

from device import DeviceState, has
from namespaces import PREFIX, is_namespace, name_of, namespaces_of
from shell import Failed, run

RUN = pathlib.Path("/run")


def current_netns() -> int:
    """Inode of the network namespace that this process is in."""
    return os.stat("/proc/self/ns/net").st_ino


def move(device: str, source: str, target: str, name: str) -> None:
    """Moves `device` to the namespace `target` (a name, or a PID in it), where it is called `name`. It arrives down."""
    run(["ip", "link", "set", "dev", device, "netns", target, "name", name], netns=source)


@dataclasses.dataclass(frozen=True)
class SavedNics:
    pid: int  # of the run that took the NICs
    host_netns: int  # inode of the namespace that they were taken from
    devices: dict[str, DeviceState]  # by their names during the run

    @property
    def parking_netns(self) -> str:
        return name_of(self.pid, "nics")

    def take(self) -> None:
        self._write_state_file()
        run(["ip", "netns", "add", self.parking_netns])
        for name, device in self.devices.items():
            move(device.name, "", self.parking_netns, name)

    def park(self) -> None:
        for name in self.devices:
            if (netns := self._netns_of(name)) and netns != self.parking_netns:
                move(name, netns, self.parking_netns, name)

    def restore(self) -> None:
        """Each NIC as far as possible; the state file stays while one is not as it was."""
        complaints = []
        for name, device in self.devices.items():
            try:
                self._restore(name, device)
            except Failed as error:
                complaints.append(f"{device.name} is not restored: {error}")
        if complaints:
            raise Failed("; ".join(complaints))
        state_file(self.pid).unlink(missing_ok=True)

    def _restore(self, name: str, device: DeviceState) -> None:
        if netns := self._netns_of(name):
            move(name, netns, str(os.getpid()), device.name)
        if not has(device.name):
            raise Failed("it is gone")
        device.restore()

    def _netns_of(self, name: str) -> str:
        """Empty when the device is in none of the run's namespaces."""
        candidates = (netns for netns in namespaces_of(self.pid) if is_namespace(netns))
        return next((netns for netns in candidates if has(name, netns)), "")

    def _write_state_file(self) -> None:
        """By rename: a reader never sees half of it."""
        draft = state_file(self.pid).with_suffix(".draft")
        draft.write_text(json.dumps(dataclasses.asdict(self)))
        draft.replace(state_file(self.pid))


def state_file(pid: int) -> pathlib.Path:
    return RUN / f"{name_of(pid, 'nics')}.json"


def saved_pids() -> set[int]:
    """Of the runs that have a state file."""
    matches = (re.fullmatch(PREFIX + r"(\d+)-nics\.json", path.name) for path in RUN.glob(f"{PREFIX}*-nics.json"))
    return {int(match[1]) for match in matches if match}


def read_saved(pid: int) -> SavedNics | None:
    try:
        state = json.loads(state_file(pid).read_text())
    except FileNotFoundError:
        return None
    devices = {name: DeviceState(**fields) for name, fields in state["devices"].items()}
    return SavedNics(state["pid"], state["host_netns"], devices)
