"""targets - the ratios that twinpath is to reach, and whether a run reached them. Source: the issue on speed."""

import dataclasses
import statistics

from scenarios import Figures

# (scenario, peer, round) → figures
Samples = dict[tuple[str, str, int], Figures]


@dataclasses.dataclass(frozen=True)
class Target:
    what: str
    scenario: str
    peer: str
    reference: str  # a peer; empty: the figure itself is held against the bound
    bound: float
    figure: str = "Mpps"
    at_most: bool = False
    reference_scenario: str = ""  # empty: the same

    def reached(self, ratio: float) -> bool:
        return ratio <= self.bound if self.at_most else ratio >= self.bound


@dataclasses.dataclass(frozen=True)
class Ratio:
    median: float
    least: float
    most: float
    # Of each one's best round: what others do on the machine can only slow a round down.
    best: float


def _kernel(what: str, reference: str, bounds: dict[str, float], subject: str) -> list[Target]:
    suffix = "with rewrite" if subject == "twinpath-rewrite" else "without rewrite"
    return [Target(f"{what}, {suffix}", scenario, subject, reference, bound) for scenario, bound in bounds.items()]


def _of(subject: str) -> list[Target]:
    return [
        *_kernel(
            "kernel datapath against bare redirect",
            "redirect",
            {"flows-1k": 0.85, "flows-100k-random": 0.60, "flows-1m-random": 0.48},
            subject,
        ),
        *_kernel(
            "kernel datapath against one hash lookup",
            "lookup",
            {"flows-1k": 1.0, "flows-100k": 1.0, "flows-100k-random": 1.0, "flows-1m-random": 1.2},
            subject,
        ),
        *_kernel("kernel datapath against nftables", "nft", {"flows-1k": 4.5, "flows-100k": 4.0}, subject),
    ]


def _bounds(what: str, scenarios: tuple[str, ...], figure: str, bound: float) -> list[Target]:
    return [Target(what, scenario, "twinpath", "", bound, figure, at_most=True) for scenario in scenarios]


TARGETS = (
    *_of("twinpath-rewrite"),
    *_of("twinpath"),
    Target("new flows against nftables", "new-flows", "twinpath", "nft", 7.0),
    Target("new flows against nftables", "new-flows-default", "twinpath", "nft", 7.0),
    Target("new flows against the two-insert peer", "new-flows", "twinpath", "insert", 1.0),
    Target("user datapath against testpmd", "user-1k", "twinpath-user", "testpmd", 2.0),
    Target("user datapath against Open vSwitch + conntrack", "user-1k", "twinpath-user", "ovs-ct", 2.4),
    Target("user datapath against a bare bridge, same transmit", "user-1k", "twinpath-user", "bridge-live", 0.9),
    Target("TCP bulk against nftables, same offloads", "tcp", "twinpath", "nft", 1.2, "Gbit/s"),
    Target("round trip p50 against bare redirect", "latency", "twinpath", "redirect", 1.10, "p50 us", at_most=True),
    Target("round trip p99 against bare redirect", "latency", "twinpath", "redirect", 1.25, "p99 us", at_most=True),
    *_bounds("memory of a pair, bytes", ("memory", "memory-1m", "memory-4m"), "bytes per pair", 280),
    *_bounds("scan of a million pairs, % of a core", ("expiry",), "% of a core", 1),
    *_bounds("lateness of expiry, s", ("expiry",), "latest s", 2),
    # No pause: the pass in which they go takes a hundred times as long.
    *_bounds("longest wait of a packet while a million pairs go, us", ("expiry",), "longest wait us", 1000),
    *_bounds("packets lost meanwhile", ("expiry",), "lost", 0),
    Target("two cores against one", "two-cores", "twinpath", "twinpath", 1.8, reference_scenario="flows-1k"),
)


def ratio_of(target: Target, samples: Samples) -> Ratio | None:
    """Of medians; least and most are of the rounds, in each of which both stood side by side. None: not measured."""
    own = _by_round(samples, target.scenario, target.peer, target.figure)
    best = min if target.at_most else max
    if not own:
        return None
    if not target.reference:
        values = own.values()
        return Ratio(statistics.median(values), min(values), max(values), best(values))
    others = _by_round(samples, target.reference_scenario or target.scenario, target.reference, target.figure)
    both = [own[number] / others[number] for number in own.keys() & others.keys() if others[number]]
    if not both:
        return None
    return Ratio(
        statistics.median(own.values()) / statistics.median(others.values()),
        min(both),
        max(both),
        best(own.values()) / best(others.values()),
    )


def _by_round(samples: Samples, scenario: str, peer: str, figure: str) -> dict[int, float]:
    return {
        number: figures[figure]
        for (in_scenario, of_peer, number), figures in samples.items()
        if (in_scenario, of_peer) == (scenario, peer) and figure in figures
    }
