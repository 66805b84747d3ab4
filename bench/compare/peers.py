"""peers - the interface of a forwarder that is measured; the forwarders are in peer_*.py.

Each measurement starts its peer in a topology of its own. A peer that cannot run raises Failed; the measurement is then
skipped, and the results have the text.
"""

import dataclasses
import pathlib
import shutil

from shell import Failed, run
from topology import Topology

# XDP and Linux receive and forward on the generator's core, because NAPI runs on the core that a packet was sent from.
# Programs in user space run on the other core.
PACKET_CPU = 0
PROGRAM_CPU = 1
PAIRS_LEAST = 262144  # twinpath's default


@dataclasses.dataclass(frozen=True)
class Setting:
    """What a peer is configured for."""

    flows: int
    room: int  # flows that its tables must hold at least; 0: tables of the default size
    folder: pathlib.Path  # for its files; temporary
    programs: pathlib.Path  # build/release/bin
    protocols: tuple[str, ...] = ("udp", "tcp")
    udp_stream_s: int = 300  # idle time of a decided flow, where the peer has one to set
    family: int = 4  # of the flows

    @property
    def pairs(self) -> int:
        """What twinpath's flow table holds; tables of programs that are compared with it hold as many."""
        return 1 << (max(self.flows, self.room, PAIRS_LEAST) - 1).bit_length()


class Peer:
    name: str
    title: str
    packages: tuple[str, ...] = ()  # Debian's, besides those of scripts/install-packages
    commands: tuple[str, ...] = ()
    stateful = False  # has a flow table, which is filled before decided flows are measured
    # A veth without an XDP program drops what its peer returned by XDP_TX, as the sink does.
    has_xdp = True
    prime_pps = 0  # rate of new flows at which it drops none

    def missing(self) -> str | None:
        """Why it cannot run on this machine; None: it can."""
        absent = [command for command in self.commands if shutil.which(command) is None]
        return f"not installed: {', '.join(absent)} (packages {', '.join(self.packages)})" if absent else None

    def start(self, lab: Topology, setting: Setting) -> None:
        raise NotImplementedError

    def preload(self, flows: int) -> bool:
        """Inserts entries of these flows without traffic. False: it cannot, and Traffic.prime sends their packets."""
        del flows
        return False

    def check(self) -> None:
        """Called after the measurement. Raises Failed when packets were not forwarded as the title says."""

    def mode(self) -> str:
        """How it forwards, for the results: modes of sockets, settings. Valid while it runs."""
        return ""

    def stop(self) -> None:
        """May be called after a start that failed, or without one."""

    def version(self) -> str:
        return package_versions(self.packages)


def package_versions(packages: tuple[str, ...]) -> str:
    try:
        out = run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages]) if packages else ""
    except Failed:
        return ""
    return ", ".join(out.split("\n")[:-1])
