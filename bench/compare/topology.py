"""topology - three network namespaces of our own, made for each measurement and removed after it.

    generator  g0 10.1.0.2 --- f0 10.1.0.1  forwarder  f1 10.2.0.1 --- s0 10.2.0.2  sink
               flows come from 198.18.0.0/16                           and go to 198.19.0.0/16

A fresh one each time, so that no measurement meets the flows, offloads or programs of the one before it. All neighbours
are static: nobody asks for an address while packets are counted.
"""

import contextlib
import os
import pathlib
import re
import time
from collections.abc import Iterable

from shell import Failed, eventually, run

PREFIX = "twbench"
GENERATOR_MAC, SINK_MAC = "02:74:77:01:00:02", "02:74:77:02:00:02"
INGRESS_MAC, EGRESS_MAC = "02:74:77:01:00:01", "02:74:77:02:00:01"
SOURCES, DESTINATIONS = "198.18.0.0/16", "198.19.0.0/16"
NETNS_FOLDER = pathlib.Path("/run/netns")
# As ethtool prints them, and as it wants them.
OFFLOADS = {
    "rx-checksumming": "rx",
    "tx-checksumming": "tx",
    "scatter-gather": "sg",
    "tcp-segmentation-offload": "tso",
    "generic-segmentation-offload": "gso",
    "generic-receive-offload": "gro",
}

Offloads = dict[str, dict[str, str]]  # device → offload → "on" or "off"


class Topology:
    """Use with `with`. `queues` is per device and direction."""

    def __init__(self, queues: int = 1) -> None:
        self.queues = queues
        self.generator, self.forwarder, self.sink = (f"{PREFIX}{os.getpid()}-{part}" for part in ("gen", "fwd", "sink"))
        self.devices = {"g0": self.generator, "f0": self.forwarder, "f1": self.forwarder, "s0": self.sink}

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
            no_ipv6 = "net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1"
            run(f"sysctl -qw net.ipv4.ip_forward=0 {no_ipv6}".split(), netns=name)
            run("ip link set lo up".split(), netns=name)
        self._wire(1, ("f0", INGRESS_MAC), ("g0", GENERATOR_MAC), SOURCES)
        self._wire(2, ("f1", EGRESS_MAC), ("s0", SINK_MAC), DESTINATIONS)
        eventually(self._links_up, 10, "the links are up")

    def _wire(self, net: int, near: tuple[str, str], far: tuple[str, str], behind: str) -> None:
        """Device and MAC address of the forwarder's end and of the other; `behind` is what the other is the way to."""
        (device, mac), (peer, peer_mac) = near, far
        here, there = self.devices[device], self.devices[peer]
        queues = f"numrxqueues {self.queues} numtxqueues {self.queues}"
        ends = [
            f"name {device} netns {here} address {mac} {queues}",
            f"name {peer} netns {there} address {peer_mac} {queues}",
        ]
        run(f"ip link add {ends[0]} type veth peer {ends[1]}".split())
        self._end(here, device, f"10.{net}.0.1", f"10.{net}.0.2", peer_mac, behind)
        self._end(there, peer, f"10.{net}.0.2", f"10.{net}.0.1", mac, "default")

    def _end(self, netns: str, device: str, address: str, other: str, other_mac: str, behind: str) -> None:
        for command in (
            f"address add {address}/24 dev {device}",
            f"link set {device} up",
            f"neighbour replace {other} lladdr {other_mac} dev {device} nud permanent",
            f"route add {behind} via {other}",
        ):
            run(["ip", *command.split()], netns=netns)

    def _links_up(self) -> bool:
        lines = [
            line.split()
            for name in self.namespaces()
            for line in run(["ip", "-brief", "link", "show", "type", "veth"], netns=name).splitlines()
        ]
        return all(words[1] == "UP" for words in lines)

    def receive_by_napi(self) -> None:
        """A redirect into a veth is dropped without a word unless the other end has NAPI: an XDP program or GRO."""
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
        remove_namespaces(self.namespaces())


def remove_namespaces(names: Iterable[str]) -> None:
    for name in names:
        if (NETNS_FOLDER / name).exists():
            _end_processes(name)
            with contextlib.suppress(Failed):
                run(["ip", "netns", "delete", name])


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


def leftovers() -> list[str]:
    """Namespaces of benchmarks that were killed: nobody has the number in their names any more."""
    names = [path.name for path in NETNS_FOLDER.glob(f"{PREFIX}*")] if NETNS_FOLDER.exists() else []
    matches = ((name, re.fullmatch(PREFIX + r"(\d+)-.*", name)) for name in names)
    return [name for name, match in matches if match and not pathlib.Path(f"/proc/{match[1]}").exists()]
