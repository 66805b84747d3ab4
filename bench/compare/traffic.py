"""traffic - sends packets by pktgen (docs/pktgen.md) and TCP by iperf3, and returns their reports."""

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
# Not one of FLOWS.
SINGLE_FLOW = "--source 198.18.200.1 --source-port 1024 --destination 198.19.0.1 --destination-port 9"
# Enough for minutes without a five-tuple that comes twice.
ENDLESS_FLOWS = "--source 198.18.0.0/16 --source-port 1024-65535 --destination 198.19.0.1 --destination-port 9"
# The sink only counts: it shares the forwarder's core.
NO_CHECKS = "--check-order off --checksum-every 0"
ONLY_COUNT = f"--stamps off --latency off {NO_CHECKS}"

Report = dict[str, typing.Any]
Figures = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Durations:
    """Durations of measurements: those of a whole run, of a quick one, or of a smoke test."""

    seconds: float
    warmup_seconds: float
    latency_seconds: float
    tcp_seconds: float


class Traffic:
    """`family` is that of the decided flows."""

    def __init__(self, programs: pathlib.Path, lab: Topology, folder: pathlib.Path, family: int = 4) -> None:
        self._pktgen, self._lab, self.folder, self._flows = str(programs / "pktgen"), lab, folder, FLOWS[family]

    def _send(self, options: str, seconds: float) -> Report:
        lab = self._lab
        places = f"--netns {lab.generator} --device g0 --sink-netns {lab.sink} --sink-device s0"
        command = f"{self._pktgen} --driver live --json {places} --destination-mac {lab.macs['f0']} {options}"
        report: Report = json.loads(run(command.split(), timeout_s=seconds + SECONDS_TO_SPARE))
        return report

    def prime(self, flows: int, pps: int) -> None:
        """Each flow is sent and answered twice, after which stateful peers take it for established."""
        count = 2 * flows
        seconds = 10 + 2 * count / pps  # an upper limit: the count ends it
        options = f"--flows {flows} --count {count} --rate {pps} --duration {seconds} --cpus {PACKET_CPU}"
        report = self._send(f"{self._flows} {options} --replies on --latency off {NO_CHECKS}", seconds)
        answered = report["replies"]["received"]
        if answered < 0.9 * count:
            raise Failed(f"of {count} packets that begin {flows} flows, only {answered} were answered")

    def once(self, flows: int, pps: int) -> Report:
        """One packet of each flow."""
        seconds = 10 + 2 * flows / pps  # an upper limit: the count ends it
        options = f"--flows {flows} --count {flows} --rate {pps} --duration {seconds} --cpus {PACKET_CPU}"
        return self._send(f"{self._flows} {options} {ONLY_COUNT}", seconds)

    def single_flow(self, seconds: float, pps: int) -> Report:
        """One flow, one packet at a time, each with its time of sending: the latency of every packet is known."""
        options = f"--flows 1 --rate {pps} --burst 1 --batch 1 --clock-every 1 --cpus {PACKET_CPU}"
        return self._send(f"{SINGLE_FLOW} {options} {NO_CHECKS} --duration {seconds:.2f}", seconds)

    def rate(self, durations: Durations, flows: int, random: bool, size: str, cores: int) -> Report:
        order = "random" if random else "sequence"
        cpus = ",".join(str(PACKET_CPU + core) for core in range(cores))
        options = f"--flows {flows} --order {order} --size {size} --threads {cores} --cpus {cpus}"
        return self._timed(f"{self._flows} {options}", durations)

    def new_flows(self, durations: Durations) -> Report:
        return self._timed(f"{ENDLESS_FLOWS} --flows 1024 --new-flows all --cpus {PACKET_CPU}", durations)

    def _timed(self, options: str, durations: Durations) -> Report:
        times = f"--duration {durations.seconds} --warmup {durations.warmup_seconds}"
        return self._send(f"{options} {ONLY_COUNT} {times}", durations.seconds + durations.warmup_seconds)

    def ping_pong(self, durations: Durations, pps: int) -> Report:
        """One flow, one packet at a time, answered by the sink; each packet has its time of sending."""
        options = f"--flows 1 --rate {pps} --burst 1 --batch 1 --clock-every 1 --replies on --cpus {PACKET_CPU}"
        times = f"--duration {durations.latency_seconds} --warmup {durations.warmup_seconds}"
        seconds = durations.latency_seconds + durations.warmup_seconds
        return self._send(f"{self._flows} {options} {NO_CHECKS} {times}", seconds)

    def tcp(self, durations: Durations) -> Report:
        words = inside(self._lab.sink, f"iperf3 -s --one-off --forceflush -p {TCP_PORT}".split())
        server = Process(words, self.folder / "iperf3.log")
        try:
            server.wait_for(lambda: "Server listening" in server.output(), 10)
            client = f"iperf3 -c 10.2.0.2 -p {TCP_PORT} -t {durations.tcp_seconds:g} -J --connect-timeout 5000"
            limit = durations.tcp_seconds + SECONDS_TO_SPARE
            report: Report = json.loads(run(client.split(), netns=self._lab.generator, timeout_s=limit))
            return report
        finally:
            server.end()
