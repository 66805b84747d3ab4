"""expiry - a million pairs that expire: CPU time of the scan, lateness of expiry, latency of another flow meanwhile.

    install     CPU time of the scan, latency of a flow  latency of the flow while pairs expire
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
from traffic import Figures, Durations, Report, Traffic

PAIRS = 1_000_000
TIMEOUT_S = 22
FLOW_PPS = 50_000
SETTLE_SECONDS = 2  # until the scan has seen the new pairs
SCAN_SECONDS = 11  # of scans in which no pair expires
FLOW_START_S = 1.5  # pktgen sends by then
FLOW_MARGIN_S = 2  # the flow is sent from so long before the first pair expires until so long after the last
POLL_S = 0.05
PATIENCE_S = 10  # beyond the timeout


@dataclasses.dataclass(frozen=True)
class Installed:
    """Seconds on the monotonic clock."""

    begin: float
    end: float

    def deadline(self, gone: int) -> float:
        """Of the pair that expires after `gone` others: they were installed at a constant rate."""
        return self.begin + TIMEOUT_S + (self.end - self.begin) * gone / PAIRS


def measure(traffic: Traffic, durations: Durations, peer: Peer) -> Figures:
    del durations  # the timeout determines the duration
    assert isinstance(peer, Twinpath)
    with _on_program_cpu():
        installed = _install(peer)
        time.sleep(SETTLE_SECONDS)
        share, before = _before_expiry(traffic, peer)
        first = installed.deadline(0) - FLOW_START_S - FLOW_MARGIN_S
        if time.monotonic() > first:
            raise Failed(f"{PAIRS} pairs took {installed.end - installed.begin:.1f} s to install: too long")
        time.sleep(first - time.monotonic())
        seconds = installed.deadline(PAIRS) + FLOW_MARGIN_S - time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(1) as beside:
            waiting = beside.submit(traffic.single_flow, seconds, FLOW_PPS)
            lateness, busy = _watch(peer, installed)
            expiring = waiting.result()
    return {
        "% of a core": 100 * share,
        "% while they expire": 100 * busy,
        "latest s": max(lateness),
        "earliest s": min(lateness),
        "longest wait us": expiring["sink"]["latency"]["max_ns"] / 1e3,
        "longest wait before us": before["sink"]["latency"]["max_ns"] / 1e3,
        "lost": expiring["lost"],
    }


@contextlib.contextmanager
def _on_program_cpu() -> Iterator[None]:
    """This process and the programs it starts stay off the core on which packets are forwarded."""
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
        raise Failed(f"pairs prints no times: {said.strip()}")
    return Installed(float(times[1]), float(times[2]))


def _before_expiry(traffic: Traffic, peer: Twinpath) -> tuple[float, Report]:
    """Share of a core while no pair expires, and the report of the flow meanwhile."""
    cpu, began = peer.cpu_seconds(), time.monotonic()
    report = traffic.single_flow(SCAN_SECONDS - 2, FLOW_PPS)
    time.sleep(max(0, began + SCAN_SECONDS - time.monotonic()))
    share = (peer.cpu_seconds() - cpu) / (time.monotonic() - began)
    if (live := peer.get("/v1/status")["flows"]["v4"]["assured"]) != PAIRS:
        raise Failed(f"{live} of {PAIRS} pairs are left before the timeout")
    return share, report


def _watch(peer: Twinpath, installed: Installed) -> tuple[list[float], float]:
    """Seconds by which pairs expired late, of the first and the last between two polls; share of a core meanwhile."""
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
            raise Failed(f"{left} of {PAIRS} pairs are left {PATIENCE_S} s after the timeout")
        time.sleep(POLL_S)
    return lateness, (peer.cpu_seconds() - cpu) / (time.monotonic() - began)
