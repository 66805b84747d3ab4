"""scenarios - what is measured with which peers.

A scenario returns its figures by name; targets.py has bounds for some of them.
"""

import dataclasses
from collections.abc import Callable

import expiry
import memory
from peers import Peer
from shell import Failed
from traffic import Figures, Durations, Report, Traffic

PING_PONG_PPS = 50_000
# More flows than begin during a measurement: no peer's table gets full.
ROOM = 4_194_304

# Sends traffic through the peer; some scenarios also query the peer.
Measure = Callable[[Traffic, Durations, Peer], Figures]


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    unit: str  # of the first figure
    peers: tuple[str, ...]
    send: Measure
    reference: str  # the peer that the table compares with; empty: none
    flows: int = 1000  # decided before the measurement, where the peer is stateful
    room: int = 0  # flows that tables must hold, where that is more; 0: default size
    family: int = 4  # of IP
    queues: int = 1
    udp_stream_s: int = 300  # idle time of a decided UDP flow
    rounds: int = 0  # measured in the first rounds only, because it varies little and takes long; 0: in all
    # All peers get the offloads that the first one ran with.
    same_offloads: bool = False
    answered: bool = False  # the sink returns packets during the measurement
    quick: bool = False  # part of --quick
    # Every peer forwards in the kernel on one core, so that 1000 / Mpps is the time per packet, in ns. The results then
    # have the difference from bare redirect.
    one_core: bool = False


def _packets(report: Report) -> Figures:
    sink, sent = report["sink"], report["generator"]
    if not sink["received"]:
        raise Failed(f"nothing of {sent['sent']} packets arrived")
    return {"Mpps": sink["pps"] / 1e6, "offered Mpps": sent["pps"] / 1e6, "Gbit/s": sink["bits_per_second"] / 1e9}


def _decided(flows: int, random: bool = False, size: str = "64", cores: int = 1) -> Measure:
    return lambda traffic, durations, _: _packets(traffic.rate(durations, flows, random, size, cores))


def _new_flows(traffic: Traffic, durations: Durations, _: Peer) -> Figures:
    return _packets(traffic.new_flows(durations))


def _ping_pong(traffic: Traffic, durations: Durations, _: Peer) -> Figures:
    report = traffic.ping_pong(durations, PING_PONG_PPS)
    latency = report["replies"]["latency"]
    if not latency["samples"]:
        raise Failed("no packet came back")
    return {"p50 us": latency["p50_ns"] / 1e3, "p99 us": latency["p99_ns"] / 1e3, "samples": latency["samples"]}


def _tcp(traffic: Traffic, durations: Durations, _: Peer) -> Figures:
    end = traffic.tcp(durations)["end"]
    return {"Gbit/s": end["sum_received"]["bits_per_second"] / 1e9, "retransmitted": end["sum_sent"]["retransmits"]}


def _memory(name: str, pairs: int) -> Scenario:
    """A table that is exactly full; the measurement installs the pairs itself."""
    return Scenario(
        name,
        f"memory of the kernel's tables, {pairs:,} pairs",
        "bytes per pair",
        ("twinpath",),
        lambda traffic, durations, peer: memory.measure(pairs, traffic, durations, peer),
        "",
        flows=0,
        room=pairs,
        rounds=1,
    )


KERNEL = ("redirect", "lookup", "twinpath", "twinpath-rewrite", "nft")
USER = ("bridge", "bridge-live", "twinpath-user", "testpmd", "ovs", "ovs-ct")
NO_USER = ("redirect", "linux", "nft", "twinpath", "twinpath-rewrite")
WIDE = (*NO_USER, "nft-flowtable", "ovs", "ovs-ct", "testpmd", "twinpath-user")

SCENARIOS = (
    Scenario(
        "flows-1k",
        "decided, 1,000 flows in sequence",
        "Mpps",
        (*KERNEL, "linux", "nft-flowtable"),
        _decided(1000),
        "redirect",
        quick=True,
        one_core=True,
    ),
    Scenario(
        "flows6-1k",
        "decided, 1,000 flows of IPv6 in sequence, 68 bytes",
        "Mpps",
        ("redirect", "lookup", "twinpath", "nft"),
        _decided(1000),
        "redirect",
        family=6,
        quick=True,
        one_core=True,
    ),
    Scenario(
        "flows-100k",
        "decided, 100,000 flows in sequence",
        "Mpps",
        KERNEL,
        _decided(100_000),
        "redirect",
        flows=100_000,
        one_core=True,
    ),
    Scenario(
        "flows-100k-random",
        "decided, 100,000 flows in random order",
        "Mpps",
        KERNEL,
        _decided(100_000, random=True),
        "redirect",
        flows=100_000,
        quick=True,
        one_core=True,
    ),
    Scenario(
        "flows-1m",
        "decided, 1,000,000 flows in sequence",
        "Mpps",
        KERNEL,
        _decided(1_000_000),
        "redirect",
        flows=1_000_000,
        one_core=True,
    ),
    Scenario(
        "flows-1m-random",
        "decided, 1,000,000 flows in random order",
        "Mpps",
        KERNEL,
        _decided(1_000_000, random=True),
        "redirect",
        flows=1_000_000,
        one_core=True,
    ),
    Scenario(
        "new-flows",
        "every packet begins a flow, room for all",
        "Mpps",
        ("redirect", "insert", "twinpath", "nft"),
        _new_flows,
        "nft",
        flows=0,
        room=ROOM,
        quick=True,
        one_core=True,
    ),
    Scenario(
        "new-flows-default",
        "every packet begins a flow, tables of the default size",
        "Mpps",
        ("redirect", "insert-lru", "twinpath", "nft"),
        _new_flows,
        "nft",
        flows=0,
        one_core=True,
    ),
    Scenario("user-1k", "through user space, 1,000 flows", "Mpps", USER, _decided(1000), "bridge-live", quick=True),
    Scenario("imix", "decided, 1,000 flows, IMIX", "Mpps", WIDE, _decided(1000, size="imix"), "redirect"),
    Scenario(
        "tcp",
        "TCP bulk, one connection",
        "Gbit/s",
        ("twinpath", "nft", "linux"),
        _tcp,
        "nft",
        flows=0,
        same_offloads=True,
        quick=True,
    ),
    Scenario(
        "latency",
        f"UDP ping-pong, {PING_PONG_PPS:,} a second",
        "p50 us",
        (*NO_USER, "twinpath-user"),
        _ping_pong,
        "redirect",
        flows=1,
        answered=True,
        quick=True,
    ),
    Scenario(
        "two-cores",
        "decided, 1,000 flows, two queues on two cores",
        "Mpps",
        NO_USER,
        _decided(1000, cores=2),
        "redirect",
        queues=2,
    ),
    _memory("memory", 262_144),
    _memory("memory-1m", 1_048_576),
    _memory("memory-4m", ROOM),
    Scenario(
        "expiry",
        f"{expiry.PAIRS:,} pairs that are scanned every second and expire",
        "% of a core",
        ("twinpath",),
        expiry.measure,
        "",
        flows=0,
        room=expiry.PAIRS,
        udp_stream_s=expiry.TIMEOUT_S,
        rounds=3,
    ),
)
