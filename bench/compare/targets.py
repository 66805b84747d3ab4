"""targets - the figures that twinpath is to reach, and whether a run reached them. Source: the issue on speed."""

import dataclasses
import statistics
import typing
from collections.abc import Callable

from scenarios import Figures

# (scenario, peer, round) → figures
Samples = dict[tuple[str, str, int], Figures]

BARE_REDIRECT = "redirect"

# ratio      figure of the peer / figure of the reference
# ns over    1000 / Mpps of the peer - 1000 / Mpps of the reference: time per packet beyond the reference, on one core
# figure     of the peer itself; there is no reference
Measure = typing.Literal["ratio", "ns over", "figure"]


@dataclasses.dataclass(frozen=True)
class Target:
    what: str
    scenario: str
    peer: str
    reference: str  # a peer; empty: none
    bound: float
    figure: str = "Mpps"
    at_most: bool = False
    reference_scenario: str = ""  # empty: the same
    measure: Measure = "ratio"

    def reached(self, value: float) -> bool:
        return value <= self.bound if self.at_most else value >= self.bound


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a comparison came to."""

    median: float  # from the medians of both peers
    least: float  # of the rounds, in each of which both peers were measured
    most: float
    best: float  # from each peer's best round: other load on the machine can only slow a round down


def _ratios(what: str, reference: str, bounds: dict[str, float], subject: str) -> list[Target]:
    suffix = "translated" if subject == "twinpath-rewrite" else "plain"
    return [Target(f"{what}, {suffix}", scenario, subject, reference, bound) for scenario, bound in bounds.items()]


def _decided(subject: str) -> list[Target]:
    return [
        *_ratios(
            "decided flows against bare redirect",
            BARE_REDIRECT,
            {"flows-1k": 0.85, "flows-100k-random": 0.60, "flows-1m-random": 0.48},
            subject,
        ),
        *_ratios(
            "decided flows against one hash lookup",
            "lookup",
            {"flows-1k": 1.02, "flows-100k": 0.9, "flows-100k-random": 1.0, "flows-1m-random": 1.2},
            subject,
        ),
        *_ratios("decided flows against nftables", "nft", {"flows-1k": 4.5, "flows-100k": 4.0}, subject),
    ]


def _ns_over_redirect(what: str, scenario: str, peer: str, bound: float) -> Target:
    return Target(what, scenario, peer, BARE_REDIRECT, bound, at_most=True, measure="ns over")


def _bounds(what: str, scenarios: tuple[str, ...], figure: str, bound: float) -> list[Target]:
    return [
        Target(what, scenario, "twinpath", "", bound, figure, at_most=True, measure="figure") for scenario in scenarios
    ]


TARGETS = (
    _ns_over_redirect("decided flows, ns over bare redirect, IPv4 plain", "flows-1k", "twinpath", 25),
    _ns_over_redirect("decided flows, ns over bare redirect, IPv4 translated", "flows-1k", "twinpath-rewrite", 28),
    _ns_over_redirect("decided flows, ns over bare redirect, IPv6 plain", "flows6-1k", "twinpath", 32),
    *_decided("twinpath-rewrite"),
    *_decided("twinpath"),
    Target("new flows against nftables, room for all", "new-flows", "twinpath", "nft", 2.0),
    Target("new flows against nftables, default table", "new-flows-default", "twinpath", "nft", 2.4),
    Target("new flows against the two-insert peer", "new-flows", "twinpath", "insert", 1.0),
    Target("user datapath against testpmd", "user-1k", "twinpath-user", "testpmd", 3.3),
    Target("user datapath against Open vSwitch + conntrack", "user-1k", "twinpath-user", "ovs-ct", 2.4),
    Target("user datapath against a bare bridge, same transmit", "user-1k", "twinpath-user", "bridge-live", 0.9),
    Target("TCP bulk against nftables, same offloads", "tcp", "twinpath", "nft", 1.2, "Gbit/s"),
    Target("round trip p50 against bare redirect", "latency", "twinpath", BARE_REDIRECT, 1.10, "p50 us", at_most=True),
    Target("round trip p99 against bare redirect", "latency", "twinpath", BARE_REDIRECT, 1.25, "p99 us", at_most=True),
    *_bounds("memory of a pair, bytes", ("memory", "memory-1m", "memory-4m"), "bytes per pair", 280),
    *_bounds("scan of a million pairs, % of a core", ("expiry",), "% of a core", 1),
    *_bounds("lateness of expiry, s", ("expiry",), "latest s", 2),
    # No pause: the pass in which they expire takes a hundred times as long.
    *_bounds("longest wait of a packet while a million pairs expire, us", ("expiry",), "longest wait us", 1000),
    *_bounds("packets lost meanwhile", ("expiry",), "lost", 0),
    Target("two cores against one", "two-cores", "twinpath", "twinpath", 1.8, reference_scenario="flows-1k"),
)


def measure_target(target: Target, samples: Samples) -> Measured | None:
    """None: not measured."""
    own = _by_round(samples, target.scenario, target.peer, target.figure)
    best = min if target.at_most else max
    if not target.reference:
        values = own.values()
        return Measured(statistics.median(values), min(values), max(values), best(values)) if own else None
    others = _by_round(samples, target.reference_scenario or target.scenario, target.reference, target.figure)
    if target.measure == "ns over":
        return _compare(own, others, max, lambda mpps, reference: 1000 / mpps - 1000 / reference)
    return _compare(own, others, best, lambda value, reference: value / reference)


def ns_over_redirect(scenario: str, peer: str, samples: Samples) -> Measured | None:
    return measure_target(_ns_over_redirect("", scenario, peer, 0), samples)


def _compare(
    own: dict[int, float],
    others: dict[int, float],
    best: Callable[[typing.Iterable[float]], float],
    compare: Callable[[float, float], float],
) -> Measured | None:
    both = [
        compare(own[number], others[number]) for number in own.keys() & others.keys() if own[number] and others[number]
    ]
    if not both:
        return None
    return Measured(
        compare(statistics.median(own.values()), statistics.median(others.values())),
        min(both),
        max(both),
        compare(best(own.values()), best(others.values())),
    )


def _by_round(samples: Samples, scenario: str, peer: str, figure: str) -> dict[int, float]:
    return {
        number: figures[figure]
        for (in_scenario, of_peer, number), figures in samples.items()
        if (in_scenario, of_peer) == (scenario, peer) and figure in figures
    }
