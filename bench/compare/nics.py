"""nics - the wiring that a user names: four devices of this host, of which two are cabled to two."""

import json
import os

from device import Device, Row, describe, drop_program, links, set_features, set_queues
from loan import Loan, home, move
from namespaces import namespaces_of, remove
from shell import Failed, run
from topology import Topology

# Option → what the device is called while it is with us.
ROLES = {"in": "f0", "out": "f1", "generator": "g0", "sink": "s0"}
MTU = 1500  # as the veths have


class Nics:
    """Use with `with`: the devices are taken, and given back at the end. `names` is by role."""

    def __init__(self, names: dict[str, str], force: bool) -> None:
        self._names, self._force = names, force
        self._roles = {inside: role for role, inside in ROLES.items()}

    def __enter__(self) -> "Nics":
        self._check()
        devices = {ROLES[role]: Device.read(name) for role, name in self._names.items()}
        self._loan = Loan(os.getpid(), home(), devices)
        try:
            self._loan.take()
        except BaseException:
            self._give_back()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._give_back()

    def _give_back(self) -> None:
        remove(self._loan.number, namespaces_of(self._loan.number), self._loan.give_back)

    def _check(self) -> None:
        """Before anything is touched."""
        for role, name in self._names.items():
            if twins := [f"--{other}" for other, its in self._names.items() if its == name and other != role]:
                raise Failed(f"{name} is named twice: --{role} and {', '.join(twins)}")
        here = {link["ifname"]: link for link in links()}
        for role, name in self._names.items():
            if why := _refusal(name, here) or (None if self._force else _in_use(name)):
                raise Failed(f"{name} (--{role}) {why}")

    def lay(self, lab: Topology) -> None:
        for inside, netns in lab.devices.items():
            move(inside, self._loan.depot, netns, inside)
            drop_program(inside, netns)
            self._set_queues(inside, netns, lab.queues)
            set_features(inside, self._loan.devices[inside].features, netns)
            # Peers without policy leave the addresses in a frame as they were, and a NIC drops what is not for it.
            run(f"ip link set dev {inside} mtu {MTU} promisc on".split(), netns=netns)

    def _set_queues(self, inside: str, netns: str, count: int) -> None:
        """More than are asked for is a difference that a reader is told of (facts); fewer is another measurement."""
        try:
            set_queues(inside, count, netns)
        except Failed as error:
            if count > 1:
                raise Failed(f"{self.title(inside)} cannot have {count} queues: {error}") from error

    def lift(self, lab: Topology) -> None:
        self._loan.to_depot()

    def title(self, device: str) -> str:
        role = self._roles[device]
        return f"{self._names[role]} (--{role})"

    def facts(self) -> dict[str, str]:
        """As they are during measurements: many a NIC knows its speed only when it has a link."""
        with Topology(1, self) as lab:
            return {
                role: f"{self._names[role]}: {describe(inside, lab.devices[inside])}" for role, inside in ROLES.items()
            }


def _refusal(name: str, here: dict[str, Row]) -> str | None:
    """Why it cannot be taken at all."""
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
    """Its "link" is its other end."""
    return bool(link.get("linkinfo", {}).get("info_kind") == "veth")


def _addresses(name: str) -> list[str]:
    """All but those that IPv6 makes for every link."""
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
    """Why it is taken only with --force."""
    for family in ("-4", "-6"):
        if run(["ip", family, "route", "show", "default", "dev", name]).strip():
            return "carries a default route; --force takes it off for the run and puts it back"
    if addresses := _addresses(name):
        return f"has addresses ({', '.join(addresses)}); --force takes them off for the run and puts them back"
    return None
