"""memory - bytes of kernel memory per pair in a full table, and a check that every pair forwards."""

import dataclasses
import json
import pathlib

from peer_twinpath import Twinpath
from peers import Peer
from shell import Failed, eventually, run
from traffic import Figures, Durations, Traffic

# Slow enough that no device drops a packet: what does not arrive was not forwarded.
ONCE_PPS = 500_000
# The warmup lasts as long as one packet of each flow takes at this rate: pktgen sends the first pass in sequence.
RANDOM_PPS = 1_000_000
# The scan counts the pairs once a second.
SCAN_PATIENCE_S = 10
NOT_COUNTED = "flows6"  # the table of the other family


def measure(pairs: int, traffic: Traffic, durations: Durations, peer: Peer) -> Figures:
    assert isinstance(peer, Twinpath)
    total = sum(bytes_of_maps(peer.pins()).values())
    peer.install(pairs, "--plain")
    arrived = _once(pairs, traffic)
    warmup_seconds = durations.warmup_seconds + pairs / RANDOM_PPS
    random = traffic.rate(dataclasses.replace(durations, warmup_seconds=warmup_seconds), pairs, True, "64", 1)
    eventually(lambda: _as_installed(peer, pairs), SCAN_PATIENCE_S, "every packet found its pair")
    return {
        "bytes per pair": total / pairs,
        "MiB": total / 2**20,
        "arrived %": arrived,
        "Mpps in random order": random["sink"]["pps"] / 1e6,
    }


def _once(pairs: int, traffic: Traffic) -> float:
    report = traffic.once(pairs, ONCE_PPS)
    sent, received = report["generator"]["sent"], report["sink"]["received"]
    if sent < pairs or received < 0.99 * sent:
        raise Failed(f"of {pairs} flows {sent} were sent and {received} arrived")
    return 100 * float(received) / float(sent)


def _as_installed(peer: Twinpath, pairs: int) -> bool:
    """A packet that missed its pair would have installed another one, half open."""
    flows = peer.get("/v1/status")["flows"]["v4"]
    return (flows["assured"], flows["half_open"], flows["closing"]) == (pairs, 0, 0)


def bytes_of_maps(pins: pathlib.Path) -> dict[str, int]:
    """Memory that the kernel accounts to each map of an instance."""
    names = [pin.name for pin in sorted(pins.iterdir()) if not pin.name.startswith("link_") and pin.name != NOT_COUNTED]
    return {
        name: json.loads(run(["bpftool", "-j", "map", "show", "pinned", str(pins / name)]))["bytes_memlock"]
        for name in names
    }
