"""loan - devices of the host that are with us for a run, and how they get home, whatever became of the run.

They lie in a namespace of their own, the depot, between measurements: so the host sees each of them go and come once. A
note below /run says what each was like, so that a later run can give back what a killed one took. A virtual device would be
destroyed with a namespace, and a NIC would lose its name and settings: they leave before anything is deleted.
"""

import dataclasses
import json
import os
import pathlib
import re

from device import Device, has
from namespaces import PREFIX, is_namespace, name_of, namespaces_of
from shell import Failed, run

NOTES = pathlib.Path("/run")


def home() -> int:
    """Number of the network namespace that we are in."""
    return os.stat("/proc/self/ns/net").st_ino


def move(device: str, source: str, target: str, name: str) -> None:
    """From one namespace to another, by name or number of a process, where it is called `name`; it arrives down."""
    run(["ip", "link", "set", "dev", device, "netns", target, "name", name], netns=source)


@dataclasses.dataclass(frozen=True)
class Loan:
    number: int  # of the process that took them
    home: int
    devices: dict[str, Device]  # by their names while they are with us

    @property
    def depot(self) -> str:
        return name_of(self.number, "nics")

    def take(self) -> None:
        self._write_note()
        run(["ip", "netns", "add", self.depot])
        for name, device in self.devices.items():
            move(device.name, "", self.depot, name)

    def to_depot(self) -> None:
        for name in self.devices:
            if place := self._place(name):
                if place != self.depot:
                    move(name, place, self.depot, name)

    def give_back(self) -> None:
        """Each as far as it goes; the note stays while one is not back as it was."""
        complaints = []
        for name, device in self.devices.items():
            try:
                self._give_back(name, device)
            except Failed as error:
                complaints.append(f"{device.name} is not back as it was: {error}")
        if complaints:
            raise Failed("; ".join(complaints))
        note_of(self.number).unlink(missing_ok=True)

    def _give_back(self, name: str, device: Device) -> None:
        if place := self._place(name):
            move(name, place, str(os.getpid()), device.name)
        if not has(device.name):
            raise Failed("it is gone")
        device.restore()

    def _place(self, name: str) -> str:
        places = (netns for netns in namespaces_of(self.number) if is_namespace(netns))
        return next((netns for netns in places if has(name, netns)), "")

    def _write_note(self) -> None:
        """Whole or not at all."""
        draft = note_of(self.number).with_suffix(".draft")
        draft.write_text(json.dumps(dataclasses.asdict(self)))
        draft.replace(note_of(self.number))


def note_of(number: int) -> pathlib.Path:
    return NOTES / f"{name_of(number, 'nics')}.json"


def noted() -> list[int]:
    matches = (re.fullmatch(PREFIX + r"(\d+)-nics\.json", path.name) for path in NOTES.glob(f"{PREFIX}*-nics.json"))
    return [int(match[1]) for match in matches if match]


def read_loan(number: int) -> Loan | None:
    try:
        note = json.loads(note_of(number).read_text())
    except FileNotFoundError:
        return None
    return Loan(
        note["number"], note["home"], {name: Device(**fields) for name, fields in note["devices"].items()}
    )
