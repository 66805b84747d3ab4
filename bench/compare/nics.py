"""nics - the wiring of scripts/bench-nics: four NICs of this host, of which two are cabled to the other two."""

import json
import os

from device import DeviceState, Row, describe, drop_program, links, set_features, set_queues
from namespaces import namespaces_of, remove
from nic_restore import SavedNics, current_netns, move
from shell import Failed, run
from topology import Topology

# Option → name of the device during the run.
ROLES = {"in": "f0", "out": "f1", "generator": "g0", "sink": "s0"}
MTU = 1500  # as the veths have


class Nics:
    """Use with `with`: takes the NICs, and restores them at the end. `names` is by role, the option without dashes."""

    def __init__(self, names: dict[str, str], force: bool) -> None:
        self._names, self._force = names, force
        self._roles = {device: role for role, device in ROLES.items()}

    def __enter__(self) -> "Nics":
        self._check()
        devices = {ROLES[role]: DeviceState.read(name) for role, name in self._names.items()}
        self._saved = SavedNics(os.getpid(), current_netns(), devices)
        try:
            self._saved.take()
        except BaseException:
            self._restore()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _restore(self) -> None:
        remove(self._saved.pid, namespaces_of(self._saved.pid), self._saved.restore)

    def _check(self) -> None:
        """Called before any device is changed."""
        for role, name in self._names.items():
            if others := [f"--{other}" for other, device in self._names.items() if device == name and other != role]:
                raise Failed(f"{name} is named twice: --{role} and {', '.join(others)}")
        here = {link["ifname"]: link for link in links()}
        for role, name in self._names.items():
            if why := _refusal(name, here) or (None if self._force else _in_use(name)):
                raise Failed(f"{name} (--{role}) {why}")

    def attach(self, lab: Topology) -> None:
        for device, netns in lab.devices.items():
            move(device, self._saved.parking_netns, netns, device)
            drop_program(device, netns)
            self._set_queues(device, netns, lab.queues)
            set_features(device, self._saved.devices[device].features, netns)
            # Bare redirect does not change MAC addresses, and a NIC drops frames for other addresses.
            run(f"ip link set dev {device} mtu {MTU} promisc on".split(), netns=netns)

    def _set_queues(self, device: str, netns: str, count: int) -> None:
        """A device that keeps too many queues is measured, and facts() has the number; with too few it is not."""
        try:
            set_queues(device, count, netns)
        except Failed as error:
            if count > 1:
                raise Failed(f"{self.title(device)} cannot have {count} queues: {error}") from error

    def detach(self, lab: Topology) -> None:
        self._saved.park()

    def title(self, device: str) -> str:
        role = self._roles[device]
        return f"{self._names[role]} (--{role})"

    def facts(self) -> dict[str, str]:
        """Read in a topology as measurements have it: a NIC reports its speed only while it has a link."""
        with Topology(1, self) as lab:
            return {
                role: f"{self._names[role]}: {describe(device, lab.devices[device])}" for role, device in ROLES.items()
            }


def _refusal(name: str, here: dict[str, Row]) -> str | None:
    """Why a device cannot be taken at all."""
    link = here.get(name)
    if link is None:
        return "is not there"
    if link["link_type"] != "ether":
        return "is no Ethernet device"
    if "master" in link:
        return f"belongs to {link['master']}"
    if "xdp" in link:
        return "has an XDP program"
    if upper := [other["ifname"] for other in here.values() if other.get("link") == name and not _is_veth(other)]:
        return f"carries {', '.join(upper)}"
    if session := _ssh_session(name):
        return f"carries an SSH session ({session})"
    return None


def _is_veth(link: Row) -> bool:
    """A veth has its peer, not a lower device, as "link"."""
    return bool(link.get("linkinfo", {}).get("info_kind") == "veth")


def _addresses(name: str) -> list[str]:
    """Without link-local addresses of IPv6, which every device gets."""
    rows = json.loads(run(["ip", "-json", "address", "show", "dev", name]))
    return [
        address["local"]
        for row in rows
        for address in row.get("addr_info", [])
        if "local" in address and (address["family"], address["scope"]) != ("inet6", "link")
    ]


def _ssh_session(name: str) -> str | None:
    for line in run(["ss", "-HtnpO", "state", "established"]).splitlines():
        ours = line.split()[2].rpartition(":")[0].strip("[]").removeprefix("::ffff:")
        if '"sshd' in line and (ours in _addresses(name) or ours.endswith(f"%{name}")):
            return ours
    return None


def _in_use(name: str) -> str | None:
    """Why a device is taken only with --force."""
    for family in ("-4", "-6"):
        if run(["ip", family, "route", "show", "default", "dev", name]).strip():
            return "carries a default route; --force takes it off for the run and puts it back"
    if addresses := _addresses(name):
        return f"has addresses ({', '.join(addresses)}); --force takes them off for the run and puts them back"
    return None
