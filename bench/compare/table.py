"""table - results for people (tables in Markdown) and for programs (JSON)."""

import statistics
import typing
from collections.abc import Sequence

from measure import PEERS, Results
from scenarios import Scenario
from targets import TARGETS, ratio_of


def markdown(scenarios: Sequence[Scenario], results: Results, machine: dict[str, str]) -> str:
    parts = [" · ".join(f"{name}: {value}" for name, value in machine.items()), f"Rounds: {results.rounds}."]
    parts += [_scenario(scenario, results) for scenario in scenarios if _measured(scenario, results)]
    parts += [_targets({scenario.name for scenario in scenarios}, results), _skipped(results)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of equal width; the first is text, the others figures."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "| " + " | ".join(padded) + " |"

    rule = "|" + "|".join("-" * (width + 1) + (":" if column else "-") for column, width in enumerate(widths)) + "|"
    return "\n".join([line(head), rule, *(line(row) for row in rows)])


def _measured(scenario: Scenario, results: Results) -> list[str]:
    return [peer for peer in scenario.peers if results.values(scenario.name, peer, scenario.unit)]


def _scenario(scenario: Scenario, results: Results) -> str:
    peers = _measured(scenario, results)
    reference = statistics.median(results.values(scenario.name, scenario.reference, scenario.unit) or [0])
    rows = []
    for peer in peers:
        values = results.values(scenario.name, peer, scenario.unit)
        median = statistics.median(values)
        extra = [
            f"{statistics.median(found):.4g}" if (found := results.values(scenario.name, peer, figure)) else "-"
            for figure in _further(scenario, results)
        ]
        ratio = [f"{median / reference:.2f}" if reference else "-"] if scenario.reference else []
        rows.append([PEERS[peer].title, f"{median:.3f}", f"{min(values):.3f}-{max(values):.3f}", *ratio, *extra])
    ratio_head = [f"to {scenario.reference}"] if scenario.reference else []
    head = ["", scenario.unit, "spread", *ratio_head, *_further(scenario, results)]
    return f"**{scenario.title}**\n\n{_grid(head, rows)}"


def _further(scenario: Scenario, results: Results) -> list[str]:
    """Figures besides the first, as the scenario gave them."""
    for (name, _, _), figures in results.samples.items():
        if name == scenario.name:
            return [figure for figure in figures if figure != scenario.unit]
    return []


def _targets(scenarios: set[str], results: Results) -> str:
    """Those of the scenarios that ran: for the others there is nothing to say."""
    rows = []
    for target in (target for target in TARGETS if target.scenario in scenarios):
        ratio = ratio_of(target, results.samples)
        bound = f"{'<=' if target.at_most else '>='} {target.bound:g}"
        if ratio:
            rows.append(
                [
                    f"{target.what} ({target.scenario})",
                    bound,
                    f"{ratio.median:.2f}",
                    f"{ratio.least:.2f}-{ratio.most:.2f}",
                    f"{ratio.best:.2f}",
                    "yes" if target.reached(ratio.median) else "no",
                ]
            )
        else:
            rows.append([f"{target.what} ({target.scenario})", bound, "-", "-", "-", "not measured"])
    return (
        "**Ratios to reach**\n\n" + _grid(["", "at least / at most", "measured", "by round", "best rounds", "reached"], rows)
        if rows
        else ""
    )


def _skipped(results: Results) -> str:
    places: dict[str, list[str]] = {}
    for place, why in results.skipped.items():
        places.setdefault(why, []).append(place)
    return "\n".join(f"- skipped {', '.join(where)}: {why}" for why, where in places.items())


def document(results: Results, machine: dict[str, str], pace: dict[str, float]) -> dict[str, typing.Any]:
    """Every repetition as it was measured, so that a reader can reckon anew."""
    samples = [
        {"scenario": scenario, "peer": peer, "round": number + 1, "figures": figures}
        for (scenario, peer, number), figures in results.samples.items()
    ]
    ratios = []
    for target in TARGETS:
        ratio = ratio_of(target, results.samples)
        ratios.append(
            {
                "what": target.what,
                "scenario": target.scenario,
                "peer": target.peer,
                "reference": target.reference,
                "bound": target.bound,
                "at_most": target.at_most,
                "ratio": ratio.median if ratio else None,
                "least": ratio.least if ratio else None,
                "most": ratio.most if ratio else None,
                "best": ratio.best if ratio else None,
                "reached": target.reached(ratio.median) if ratio else None,
            }
        )
    return {
        "machine": machine,
        "seconds": pace,
        "rounds": results.rounds,
        "versions": results.versions,
        "modes": results.modes,
        "skipped": results.skipped,
        "samples": samples,
        "ratios": ratios,
    }
