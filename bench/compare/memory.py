"""memory - what a pair costs the kernel in a table that holds as many as it is made for, and whether all work."""

import dataclasses
import json
import pathlib

from peer_twinpath import Twinpath
from peers import Peer
from shell import Failed, eventually, run
from traffic import Figures, Pace, Traffic

# Slow enough that nothing is lost on the way: what does not arrive was not forwarded.
ONCE_PPS = 500_000
# Above what arrives in random order, so that each flow has been sent once, in sequence, before the measured time.
RANDOM_PPS = 1_000_000
# The scan counts the pairs once a second.
SCAN_PATIENCE_S = 10
NOT_COUNTED = "flows6"  # the table of the other family


def measure(pairs: int, traffic: Traffic, pace: Pace, peer: Peer) -> Figures:
    assert isinstance(peer, Twinpath)
    total = sum(bytes_of_maps(peer.pins()).values())
    peer.install(pairs, "--plain")
    arrived = _once(pairs, traffic)
    random = traffic.rate(
        dataclasses.replace(pace, warmup_seconds=pace.warmup_seconds + pairs / RANDOM_PPS), pairs, True, "64", 1
    )
    eventually(lambda: _as_installed(peer, pairs), SCAN_PATIENCE_S, "every packet has found its pair")
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
    """Had a packet missed its pair, another one would have been installed, half open."""
    flows = peer.get("/v1/status")["flows"]["v4"]
    return (flows["assured"], flows["half_open"], flows["closing"]) == (pairs, 0, 0)


def bytes_of_maps(pins: pathlib.Path) -> dict[str, int]:
    """What the kernel charges for each map of an instance."""
    names = [pin.name for pin in sorted(pins.iterdir()) if not pin.name.startswith("link_") and pin.name != NOT_COUNTED]
    return {
        name: json.loads(run(["bpftool", "-j", "map", "show", "pinned", str(pins / name)]))["bytes_memlock"]
        for name in names
    }
