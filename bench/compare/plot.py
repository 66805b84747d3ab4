"""plot - results as one SVG: a group of bars per scenario, each with a whisker from the lowest to the highest round."""

import html
import statistics
from collections.abc import Sequence

from measure import PEERS, Results
from scenarios import Scenario

WIDTH, LABEL, VALUE = 860, 260, 150  # pixels: all, names on the left, figures on the right
BAR, GAP, HEAD = 16, 6, 34
OURS, OTHERS, LIMIT = "#1f6f8b", "#b8bfc6", "#e0a458"
LIMITS = ("redirect", "lookup", "insert", "insert-lru", "bridge", "bridge-live")


def svg(scenarios: Sequence[Scenario], results: Results) -> str:
    parts: list[str] = []
    y = 10
    for scenario in scenarios:
        bars = [
            (peer, values) for peer in scenario.peers if (values := results.values(scenario.name, peer, scenario.unit))
        ]
        if bars:
            parts.append(_text(10, y + 18, f"{scenario.title} ({scenario.unit})", weight="bold"))
            y += HEAD
            parts += _group(bars, y)
            y += len(bars) * (BAR + GAP) + 2 * GAP
    body = "\n".join(parts)
    size = f'width="{WIDTH}" height="{y + 10}" font-family="sans-serif" font-size="13"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )


def _group(bars: Sequence[tuple[str, list[float]]], top: int) -> list[str]:
    longest = max(max(values) for _, values in bars)
    parts = []
    for number, (peer, values) in enumerate(bars):
        y = top + number * (BAR + GAP)
        median = statistics.median(values)
        least, middle, most = (
            LABEL + (WIDTH - LABEL - VALUE) * value / longest for value in (min(values), median, max(values))
        )
        parts.append(_text(LABEL - 8, y + BAR - 3, PEERS[peer].title, anchor="end"))
        parts.append(f'<rect x="{LABEL}" y="{y}" width="{middle - LABEL:.1f}" height="{BAR}" fill="{_colour(peer)}"/>')
        parts.append(
            f'<path d="M{least:.1f} {y + 8}H{most:.1f}M{least:.1f} {y + 4}v8M{most:.1f} {y + 4}v8" stroke="black"/>'
        )
        parts.append(_text(most + 8, y + BAR - 3, f"{median:.3g}"))
    return parts


def _colour(peer: str) -> str:
    if peer.startswith("twinpath"):
        return OURS
    return LIMIT if peer in LIMITS else OTHERS


def _text(x: float, y: float, text: str, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" font-weight="{weight}">{html.escape(text)}</text>'
