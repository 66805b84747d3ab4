"""topology - three network namespaces of our own, made for each measurement and removed after it.

    generator  g0 10.1.0.2 --- f0 10.1.0.1  forwarder  f1 10.2.0.1 --- s0 10.2.0.2  sink
               flows come from 198.18.0.0/16                           and go to 198.19.0.0/16

With IPv6, which a topology has only on request, the wires are 2001:db8:11::/64 and 2001:db8:12::/64, and flows go from
2001:db8:1::/64 to 2001:db8:2::/64.

Each measurement has a new topology, without flows, offloads and programs of the one before. All neighbours are
permanent, so that no ARP or neighbour solicitation is sent while packets are counted.

The wires are veth pairs (Veths), or NICs of the host (nics.py).
"""

import dataclasses
import os
import typing

from device import link_of
from namespaces import name_of, remove
from shell import Failed, eventually, run

WIRES = (("f0", "g0"), ("f1", "s0"))  # the forwarder's end, the other end


@dataclasses.dataclass(frozen=True)
class Addresses:
    """Of one family on one wire: the forwarder's and the other end's, and the network behind the other end."""

    near: str
    far: str
    length: int
    behind: str


# By family; in each, one per wire.
ADDRESSES = {
    4: (
        Addresses("10.1.0.1", "10.1.0.2", 24, "198.18.0.0/16"),
        Addresses("10.2.0.1", "10.2.0.2", 24, "198.19.0.0/16"),
    ),
    6: (
        Addresses("2001:db8:11::1", "2001:db8:11::2", 64, "2001:db8:1::/64"),
        Addresses("2001:db8:12::1", "2001:db8:12::2", 64, "2001:db8:2::/64"),
    ),
}
LINK_PATIENCE_S = 30  # some NICs and switches need seconds
PACKET_PATIENCE_S = 5
# Name that ethtool prints → name that it reads.
OFFLOADS = {
    "rx-checksumming": "rx",
    "tx-checksumming": "tx",
    "scatter-gather": "sg",
    "tcp-segmentation-offload": "tso",
    "generic-segmentation-offload": "gso",
    "generic-receive-offload": "gro",
}

Offloads = dict[str, dict[str, str]]  # device → offload → "on" or "off"


class Wiring(typing.Protocol):
    """Where the devices g0, f0, f1 and s0 come from."""

    def attach(self, lab: "Topology") -> None:
        """Puts them into their namespaces (lab.devices), with lab.queues, down."""

    def detach(self, lab: "Topology") -> None:
        """Moves devices out that must outlive the namespaces, which are deleted next. Also after attach() failed."""

    def title(self, device: str) -> str:
        """The user's name for a device."""

    def facts(self) -> dict[str, str]:
        """What rates depend on besides the machine. Raises Failed where the wires cannot be used."""


class Veths:
    """Veth pairs, created with both ends in their namespaces and destroyed with them."""

    _macs: typing.ClassVar = {
        "f0": "02:74:77:01:00:01",
        "g0": "02:74:77:01:00:02",
        "f1": "02:74:77:02:00:01",
        "s0": "02:74:77:02:00:02",
    }

    def attach(self, lab: "Topology") -> None:
        for near, far in WIRES:
            run(f"ip link add {self._end(lab, near)} type veth peer {self._end(lab, far)}".split())

    def _end(self, lab: "Topology", device: str) -> str:
        queues = f"numrxqueues {lab.queues} numtxqueues {lab.queues}"
        return f"name {device} netns {lab.devices[device]} address {self._macs[device]} {queues}"

    def detach(self, lab: "Topology") -> None:
        pass

    def title(self, device: str) -> str:
        return device

    def facts(self) -> dict[str, str]:
        return {}


class Topology:
    """Use with `with`. `queues` is per device and direction; `family` 6: IPv6 besides IPv4."""

    def __init__(self, queues: int, wiring: Wiring, family: int = 4) -> None:
        self.queues, self._wiring, self._families = queues, wiring, (4, 6) if family == 6 else (4,)
        self.generator, self.forwarder, self.sink = (name_of(os.getpid(), part) for part in ("gen", "fwd", "sink"))
        self.devices = {"g0": self.generator, "f0": self.forwarder, "f1": self.forwarder, "s0": self.sink}
        self.macs: dict[str, str] = {}

    def __enter__(self) -> "Topology":
        try:
            self._make()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def namespaces(self) -> tuple[str, str, str]:
        return self.generator, self.forwarder, self.sink

    def _make(self) -> None:
        self.remove()
        for name in self.namespaces():
            run(["ip", "netns", "add", name])
            run(f"sysctl -qw net.ipv4.ip_forward=0 {self._ipv6_settings()}".split(), netns=name)
            run("ip link set lo up".split(), netns=name)
        self._wiring.attach(self)
        self.macs = {device: link_of(device, netns)["address"] for device, netns in self.devices.items()}
        for near, far in WIRES:
            for device in (near, far):
                run(f"ip link set {device} up".split(), netns=self.devices[device])
        for family in self._families:
            for (near, far), addresses in zip(WIRES, ADDRESSES[family], strict=True):
                self._configure(near, addresses.near, far, addresses.far, addresses.length, addresses.behind)
                self._configure(far, addresses.far, near, addresses.near, addresses.length, "default")
        self.wait_for_links()
        self._try_wires()

    def _ipv6_settings(self) -> str:
        """Of sysctl. Without router solicitations and duplicate address detection nothing but our packets is sent."""
        if 6 not in self._families:
            return "net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1"
        values = {"accept_ra": 0, "router_solicitations": 0, "accept_dad": 0, "dad_transmits": 0}
        return " ".join(f"net.ipv6.conf.default.{name}={value}" for name, value in values.items())

    def _configure(self, device: str, address: str, other: str, other_address: str, length: int, routed: str) -> None:
        """`routed` is the network that is reached by the other end."""
        family = "-6" if ":" in address else "-4"
        for command in (
            f"address add {address}/{length} dev {device}",
            f"neighbour replace {other_address} lladdr {self.macs[other]} dev {device} nud permanent",
            f"route add {routed} via {other_address}",
        ):
            run(["ip", family, *command.split()], netns=self.devices[device])

    def wait_for_links(self) -> None:
        """Also after an XDP program was attached or detached: many NICs take their link down for a moment then."""
        for near, far in WIRES:
            eventually(
                lambda near=near, far=far: self._carries(near) and self._carries(far),
                LINK_PATIENCE_S,
                f"a link between {self._wiring.title(near)} and {self._wiring.title(far)}",
            )

    def _carries(self, device: str) -> bool:
        return "LOWER_UP" in link_of(device, self.devices[device])["flags"]

    def _try_wires(self) -> None:
        """A link shows that there is a cable, not where it ends."""
        for (near, far), addresses in zip(WIRES, ADDRESSES[4], strict=True):
            eventually(
                lambda far=far, addresses=addresses: self._answered(self.devices[far], addresses.near),
                PACKET_PATIENCE_S,
                f"a packet from {self._wiring.title(far)} to {self._wiring.title(near)} and back",
            )

    def _answered(self, netns: str, address: str) -> bool:
        try:
            run(["ping", "-n", "-q", "-c", "1", "-W", "1", address], netns=netns)
        except Failed:
            return False
        return True

    def receive_by_napi(self) -> None:
        """A veth drops what is redirected to it, uncounted, unless its peer uses NAPI: has an XDP program or GRO."""
        for device, netns in self.devices.items():
            run(["ethtool", "-K", device, "gro", "on"], netns=netns)

    def offloads(self) -> Offloads:
        found: Offloads = {}
        for device, netns in self.devices.items():
            lines = run(["ethtool", "-k", device], netns=netns).splitlines()
            pairs = (line.strip().split(": ", 1) for line in lines if ": " in line)
            found[device] = {OFFLOADS[name]: value.split()[0] for name, value in pairs if name in OFFLOADS}
        return found

    def set_offloads(self, wanted: Offloads) -> None:
        for device, features in wanted.items():
            words = [word for pair in features.items() for word in pair]
            run(["ethtool", "-K", device, *words], netns=self.devices[device])

    def remove(self) -> None:
        remove(os.getpid(), self.namespaces(), lambda: self._wiring.detach(self))
