"""expiry - a million pairs that grow old: what looking at them costs, how late they go, and who has to wait meanwhile.

    install     measure the scan, and a lone flow        the lone flow again, while they go
    |-----|   |-----------------------------------|    |------|=====|------|
    begin end                                         begin + timeout  end + timeout
"""

import concurrent.futures
import contextlib
import dataclasses
import os
import re
import time
from collections.abc import Iterator

from peer_twinpath import Twinpath
from peers import PROGRAM_CPU, Peer
from shell import Failed
from traffic import Figures, Pace, Report, Traffic

PAIRS = 1_000_000
TIMEOUT_S = 22
LONE_PPS = 50_000
SETTLE_SECONDS = 2  # until the scan has seen that they are new
SCAN_SECONDS = 11  # of quiet scans
LONE_START_S = 1.5  # what pktgen takes at most until it sends
LONE_MARGIN_S = 2  # the lone flow is sent from so long before the first pair may go until so long after the last
POLL_S = 0.05
PATIENCE_S = 10  # beyond the timeout


@dataclasses.dataclass(frozen=True)
class Installed:
    """Seconds on the monotonic clock."""

    begin: float
    end: float

    def deadline(self, gone: int) -> float:
        """Of the pair that is the `gone`-th to go: they were installed at an even pace."""
        return self.begin + TIMEOUT_S + (self.end - self.begin) * gone / PAIRS


def measure(traffic: Traffic, pace: Pace, peer: Peer) -> Figures:
    del pace  # it takes as long as the timeout
    assert isinstance(peer, Twinpath)
    with _out_of_the_way():
        installed = _install(peer)
        time.sleep(SETTLE_SECONDS)
        share, quiet = _quiet(traffic, peer)
        first = installed.deadline(0) - LONE_START_S - LONE_MARGIN_S
        if time.monotonic() > first:
            raise Failed(f"{PAIRS} pairs took {installed.end - installed.begin:.1f} s to install: no time is left")
        time.sleep(first - time.monotonic())
        seconds = installed.deadline(PAIRS) + LONE_MARGIN_S - time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(1) as beside:
            waiting = beside.submit(traffic.lone, seconds, LONE_PPS)
            lateness, busy = _watch(peer, installed)
            expiring = waiting.result()
    return {
        "% of a core": 100 * share,
        "% while they go": 100 * busy,
        "latest s": max(lateness),
        "earliest s": min(lateness),
        "longest wait us": expiring["sink"]["latency"]["max_ns"] / 1e3,
        "in quiet us": quiet["sink"]["latency"]["max_ns"] / 1e3,
        "lost": expiring["lost"],
    }


@contextlib.contextmanager
def _out_of_the_way() -> Iterator[None]:
    """We and our programs leave the core alone on which packets are forwarded."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {PROGRAM_CPU})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _install(peer: Twinpath) -> Installed:
    said = peer.install(PAIRS, "--plain")
    times = re.search(r"from ([\d.]+) to ([\d.]+) s", said)
    if not times:
        raise Failed(f"pairs says no times: {said.strip()}")
    return Installed(float(times[1]), float(times[2]))


def _quiet(traffic: Traffic, peer: Twinpath) -> tuple[float, Report]:
    """Share of a core while all pairs live, and how a lone flow fares beside that."""
    cpu, began = peer.cpu_seconds(), time.monotonic()
    report = traffic.lone(SCAN_SECONDS - 2, LONE_PPS)
    time.sleep(max(0, began + SCAN_SECONDS - time.monotonic()))
    share = (peer.cpu_seconds() - cpu) / (time.monotonic() - began)
    if (live := peer.get("/v1/status")["flows"]["v4"]["assured"]) != PAIRS:
        raise Failed(f"{live} of {PAIRS} pairs are there before their time")
    return share, report


def _watch(peer: Twinpath, installed: Installed) -> tuple[list[float], float]:
    """Seconds by which pairs went late, the first and the last of each lot that went; share of a core meanwhile."""
    lateness: list[float] = []
    gone = 0
    time.sleep(max(0, installed.deadline(0) - time.monotonic()))
    cpu, began = peer.cpu_seconds(), time.monotonic()
    while gone < PAIRS:
        left, now = peer.get("/v1/status")["flows"]["v4"]["assured"], time.monotonic()
        if PAIRS - left > gone:
            lateness.append(now - installed.deadline(gone))
            gone = PAIRS - left
            lateness.append(now - installed.deadline(gone))
        if now > installed.deadline(PAIRS) + PATIENCE_S:
            raise Failed(f"{left} of {PAIRS} pairs are left {PATIENCE_S} s after their time")
        time.sleep(POLL_S)
    return lateness, (peer.cpu_seconds() - cpu) / (time.monotonic() - began)
