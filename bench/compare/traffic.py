"""traffic - sends packets by pktgen (docs/pktgen.md) and TCP by iperf3, and returns what arrived."""

import dataclasses
import json
import pathlib
import typing

from peers import PACKET_CPU
from shell import Failed, Process, inside, run
from topology import Topology

TCP_PORT = 5201
SECONDS_TO_SPARE = 60
# By family. Those of numbered_flow.hpp: pktgen numbers flows by port first, then by source address.
FLOWS = {
    4: "--source 198.18.0.1-198.18.0.128 --source-port 1024-65535 --destination 198.19.0.1 --destination-port 9",
    6: "--source 2001:db8:1::1-2001:db8:1::80 --source-port 1024-65535 --destination 2001:db8:2::1 "
    "--destination-port 9",
}
LONE_FLOW = "--source 198.18.200.1 --source-port 1024 --destination 198.19.0.1 --destination-port 9"  # none of these
# Enough that no five-tuple comes twice within minutes.
ENDLESS_FLOWS = "--source 198.18.0.0/16 --source-port 1024-65535 --destination 198.19.0.1 --destination-port 9"
# The sink counts and does nothing else: what it does would be done on the forwarder's core.
NO_CHECKS = "--check-order off --checksum-every 0"
ONLY_COUNT = f"--stamps off --latency off {NO_CHECKS}"

Report = dict[str, typing.Any]
Figures = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Pace:
    """How long things take: the whole run, or a quick one."""

    seconds: float
    warmup_seconds: float
    latency_seconds: float
    tcp_seconds: float


class Traffic:
    """`family` is that of the decided flows."""

    def __init__(self, programs: pathlib.Path, lab: Topology, pool: pathlib.Path, family: int = 4) -> None:
        self._pktgen, self._lab, self.pool, self._flows = str(programs / "pktgen"), lab, pool, FLOWS[family]

    def _send(self, options: str, seconds: float) -> Report:
        lab = self._lab
        places = f"--netns {lab.generator} --device g0 --sink-netns {lab.sink} --sink-device s0"
        command = f"{self._pktgen} --driver live --json {places} --destination-mac {lab.macs['f0']} {options}"
        report: Report = json.loads(run(command.split(), timeout_s=seconds + SECONDS_TO_SPARE))
        return report

    def prime(self, flows: int, pps: int) -> None:
        """Each flow is sent and answered twice, after which both sides have proved to be there."""
        count = 2 * flows
        seconds = 10 + 2 * count / pps  # more than it takes: the count ends it
        options = f"--flows {flows} --count {count} --rate {pps} --duration {seconds} --cpus {PACKET_CPU}"
        report = self._send(f"{self._flows} {options} --replies on --latency off {NO_CHECKS}", seconds)
        answered = report["replies"]["received"]
        if answered < 0.9 * count:
            raise Failed(f"of {count} packets that begin {flows} flows, only {answered} were answered")

    def once(self, flows: int, pps: int) -> Report:
        """One packet of each flow."""
        seconds = 10 + 2 * flows / pps  # more than it takes: the count ends it
        options = f"--flows {flows} --count {flows} --rate {pps} --duration {seconds} --cpus {PACKET_CPU}"
        return self._send(f"{self._flows} {options} {ONLY_COUNT}", seconds)

    def lone(self, seconds: float, pps: int) -> Report:
        """One flow, one packet at a time; each carries the time of its sending, so none waits unseen."""
        options = f"--flows 1 --rate {pps} --burst 1 --batch 1 --clock-every 1 --cpus {PACKET_CPU}"
        return self._send(f"{LONE_FLOW} {options} {NO_CHECKS} --duration {seconds:.2f}", seconds)

    def rate(self, pace: Pace, flows: int, random: bool, size: str, cores: int) -> Report:
        order = "random" if random else "sequence"
        cpus = ",".join(str(PACKET_CPU + core) for core in range(cores))
        options = f"--flows {flows} --order {order} --size {size} --threads {cores} --cpus {cpus}"
        return self._timed(f"{self._flows} {options}", pace)

    def new_flows(self, pace: Pace) -> Report:
        return self._timed(f"{ENDLESS_FLOWS} --flows 1024 --new-flows all --cpus {PACKET_CPU}", pace)

    def _timed(self, options: str, pace: Pace) -> Report:
        times = f"--duration {pace.seconds} --warmup {pace.warmup_seconds}"
        return self._send(f"{options} {ONLY_COUNT} {times}", pace.seconds + pace.warmup_seconds)

    def ping_pong(self, pace: Pace, pps: int) -> Report:
        """One flow, one packet at a time, answered by the sink; each packet carries the time of its sending."""
        options = f"--flows 1 --rate {pps} --burst 1 --batch 1 --clock-every 1 --replies on --cpus {PACKET_CPU}"
        times = f"--duration {pace.latency_seconds} --warmup {pace.warmup_seconds}"
        return self._send(f"{self._flows} {options} {NO_CHECKS} {times}", pace.latency_seconds + pace.warmup_seconds)

    def tcp(self, pace: Pace) -> Report:
        words = inside(self._lab.sink, f"iperf3 -s --one-off --forceflush -p {TCP_PORT}".split())
        server = Process(words, self.pool / "iperf3.log")
        try:
            server.wait_for(lambda: "Server listening" in server.output(), 10)
            client = f"iperf3 -c 10.2.0.2 -p {TCP_PORT} -t {pace.tcp_seconds:g} -J --connect-timeout 5000"
            limit = pace.tcp_seconds + SECONDS_TO_SPARE
            report: Report = json.loads(run(client.split(), netns=self._lab.generator, timeout_s=limit))
            return report
        finally:
            server.end()
