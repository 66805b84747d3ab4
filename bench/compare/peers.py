"""peers - what a forwarder has to offer to be measured; the forwarders themselves are in peer_*.py.

A peer is started anew for each measurement, in a topology of that measurement. It raises Failed where it cannot; the
measurement is then skipped, with that text.
"""

import dataclasses
import pathlib
import shutil

from shell import Failed, run
from topology import Topology

# On the generator's core XDP and Linux receive and forward as well: NAPI stays where the packets come from. Programs in
# user space have the other one.
PACKET_CPU = 0
PROGRAM_CPU = 1
PAIRS_LEAST = 262144  # twinpath's default


@dataclasses.dataclass(frozen=True)
class Setting:
    """What a peer must be ready for."""

    flows: int
    room: int  # flows that its tables must hold at least; 0: tables of the default size
    pool: pathlib.Path  # a folder for its files, which goes away afterwards
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
    stateful = False  # has flows, which are brought into being before decided flows are measured
    # A veth hands what its other end sent back by XDP_TX, as the sink does, only to a device with an XDP program.
    has_xdp = True
    prime_pps = 0  # as fast as it surely takes new flows

    def missing(self) -> str | None:
        """Why it cannot be run on this machine at all, or nothing."""
        absent = [command for command in self.commands if shutil.which(command) is None]
        return f"not installed: {', '.join(absent)} (packages {', '.join(self.packages)})" if absent else None

    def start(self, lab: Topology, setting: Setting) -> None:
        raise NotImplementedError

    def preload(self, flows: int) -> bool:
        """Makes the entries of these flows without traffic. False: it cannot, and packets bring them into being."""
        del flows
        return False

    def check(self) -> None:
        """After the measurement: Failed when packets did not go the way that the title says."""

    def mode(self) -> str:
        """How it forwards: modes of sockets, what is switched on. Valid while it runs."""
        return ""

    def stop(self) -> None:
        """Safe after a start that failed, or none."""

    def version(self) -> str:
        return package_versions(self.packages)


def package_versions(packages: tuple[str, ...]) -> str:
    try:
        out = run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages]) if packages else ""
    except Failed:
        return ""
    return ", ".join(out.split("\n")[:-1])
