"""traffic - sends packets by pktgen (docs/pktgen.md) and TCP by iperf3, and returns what arrived."""

import dataclasses
import json
import pathlib
import typing

from peers import PACKET_CPU
from shell import Failed, Process, inside, run
from topology import INGRESS_MAC, Topology

TCP_PORT = 5201
SECONDS_TO_SPARE = 60
# As `bare` preloads them: pktgen numbers flows by port first, then by source address.
FLOWS = ["--source", "198.18.0.1-198.18.0.128", "--source-port", "1024-65535", "--destination", "198.19.0.1",
         "--destination-port", "9"]
# All of 198.18.0.0/16, so that no five-tuple comes twice within minutes.
ENDLESS_FLOWS = ["--source", "198.18.0.0/16", "--source-port", "1024-65535", "--destination", "198.19.0.1",
                 "--destination-port", "9"]
# The sink counts and does nothing else: what it does would be done on the forwarder's core.
ONLY_COUNT = ["--stamps", "off", "--check-order", "off", "--checksum-every", "0", "--latency", "off"]

Report = dict[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class Pace:
    """How long things take: the whole run, or a quick one."""

    seconds: float
    warmup_seconds: float
    latency_seconds: float
    tcp_seconds: float


class Traffic:
    def __init__(self, programs: pathlib.Path, lab: Topology, pool: pathlib.Path) -> None:
        self._pktgen, self._lab, self.pool = str(programs / "pktgen"), lab, pool

    def _send(self, options: list[str], seconds: float) -> Report:
        lab = self._lab
        words = [self._pktgen, "--driver", "live", "--json", "--netns", lab.generator, "--device", "g0",
                 "--sink-netns", lab.sink, "--sink-device", "s0", "--destination-mac", INGRESS_MAC, *options]
        return json.loads(run(words, timeout_s=seconds + SECONDS_TO_SPARE))

    def prime(self, flows: int, pps: int) -> None:
        """Each flow is sent and answered twice, after which both sides have proved to be there."""
        count = 2 * flows
        # The duration only bounds it.
        options = ["--flows", str(flows), "--count", str(count), "--rate", str(pps), "--replies", "on", "--cpus", str(PACKET_CPU),
                   "--check-order", "off", "--checksum-every", "0", "--latency", "off", "--duration", str(10 + 2 * count / pps)]
        answered = self._send(FLOWS + options, 2 * count / pps)["replies"]["received"]
        if answered < 0.9 * count:
            raise Failed(f"of {count} packets that begin {flows} flows, only {answered} were answered")

    def rate(self, pace: Pace, flows: int, random: bool, size: str, cores: int) -> Report:
        cpus = ",".join(str(PACKET_CPU + core) for core in range(cores))
        options = ["--flows", str(flows), "--order", "random" if random else "sequence", "--size", size,
                   "--threads", str(cores), "--cpus", cpus]
        return self._timed(FLOWS + options, pace)

    def new_flows(self, pace: Pace) -> Report:
        return self._timed([*ENDLESS_FLOWS, "--flows", "1024", "--new-flows", "all", "--cpus", str(PACKET_CPU)], pace)

    def _timed(self, options: list[str], pace: Pace) -> Report:
        options = [*options, *ONLY_COUNT, "--duration", str(pace.seconds), "--warmup", str(pace.warmup_seconds)]
        return self._send(options, pace.seconds + pace.warmup_seconds)

    def ping_pong(self, pace: Pace, pps: int) -> Report:
        """One flow, one packet at a time, answered by the sink; each packet carries the time of its sending."""
        options = ["--flows", "1", "--rate", str(pps), "--burst", "1", "--batch", "1", "--replies", "on", "--clock-every", "1",
                   "--check-order", "off", "--checksum-every", "0", "--cpus", str(PACKET_CPU),
                   "--duration", str(pace.latency_seconds), "--warmup", str(pace.warmup_seconds)]
        return self._send(FLOWS + options, pace.latency_seconds)

    def tcp(self, pace: Pace) -> Report:
        words = inside(self._lab.sink, ["iperf3", "-s", "--one-off", "--forceflush", "-p", str(TCP_PORT)])
        server = Process(words, self.pool / "iperf3.log")
        try:
            server.wait_for(lambda: "Server listening" in server.output(), 10)
            client = ["iperf3", "-c", "10.2.0.2", "-p", str(TCP_PORT), "-t", f"{pace.tcp_seconds:g}", "-J", "--connect-timeout", "5000"]
            return json.loads(run(client, netns=self._lab.generator, timeout_s=pace.tcp_seconds + SECONDS_TO_SPARE))
        finally:
            server.end()
