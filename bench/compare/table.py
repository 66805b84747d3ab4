"""table - the results as tables in Markdown and as JSON."""

import dataclasses
import statistics
import typing
from collections.abc import Sequence

from measure import PEERS, Results
from scenarios import Scenario
from targets import BARE_REDIRECT, TARGETS, Measured, Target, measure_target, ns_over_redirect


def markdown(scenarios: Sequence[Scenario], results: Results, machine: dict[str, str]) -> str:
    parts = [" · ".join(f"{name}: {value}" for name, value in machine.items()), f"Rounds: {results.rounds}."]
    parts += [_scenario(scenario, results) for scenario in scenarios if _measured(scenario, results)]
    parts += [_targets({scenario.name for scenario in scenarios}, results), _skipped(results)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns: the first holds text, the others figures."""
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
        ns = _ns_cells(ns_over_redirect(scenario.name, peer, results.samples)) if scenario.one_core else []
        rows.append([PEERS[peer].title, f"{median:.3f}", f"{min(values):.3f}-{max(values):.3f}", *ratio, *ns, *extra])
    ratio_head = [f"to {scenario.reference}"] if scenario.reference else []
    ns_head = [f"ns over {BARE_REDIRECT}", "by round"] if scenario.one_core else []
    head = ["", scenario.unit, "spread", *ratio_head, *ns_head, *_further(scenario, results)]
    return f"**{scenario.title}**\n\n{_grid(head, rows)}"


def _ns_cells(ns: Measured | None) -> list[str]:
    return [f"{ns.median:.1f}", f"{ns.least:.1f}-{ns.most:.1f}"] if ns else ["-", "-"]


def _further(scenario: Scenario, results: Results) -> list[str]:
    """Names of the figures besides the scenario's unit, in the scenario's order."""
    for (name, _, _), figures in results.samples.items():
        if name == scenario.name:
            return [figure for figure in figures if figure != scenario.unit]
    return []


def _targets(scenarios: set[str], results: Results) -> str:
    """Only those of the scenarios that ran."""
    rows = []
    for target in (target for target in TARGETS if target.scenario in scenarios):
        bound = f"{'<=' if target.at_most else '>='} {target.bound:g}{' ns' if target.measure == 'ns over' else ''}"
        cells = _target_cells(target, measure_target(target, results.samples))
        rows.append([f"{target.what} ({target.scenario})", bound, *cells])
    head = ["", "at least / at most", "measured", "by round", "best rounds", "reached"]
    return f"**Targets**\n\n{_grid(head, rows)}" if rows else ""


def _target_cells(target: Target, measured: Measured | None) -> list[str]:
    if not measured:
        return ["-", "-", "-", "not measured"]
    digits = 1 if target.measure == "ns over" else 2
    return [
        f"{measured.median:.{digits}f}",
        f"{measured.least:.{digits}f}-{measured.most:.{digits}f}",
        f"{measured.best:.{digits}f}",
        "yes" if target.reached(measured.median) else "no",
    ]


def _skipped(results: Results) -> str:
    places: dict[str, list[str]] = {}
    for place, why in results.skipped.items():
        places.setdefault(why, []).append(place)
    return "\n".join(f"- skipped {', '.join(where)}: {why}" for why, where in places.items())


def document(
    scenarios: Sequence[Scenario], results: Results, machine: dict[str, str], durations: dict[str, float]
) -> dict[str, typing.Any]:
    """Every repetition as it was measured, so that a reader can compute other comparisons."""
    samples = [
        {"scenario": scenario, "peer": peer, "round": number + 1, "figures": figures}
        for (scenario, peer, number), figures in results.samples.items()
    ]
    ns_over = [
        {"scenario": scenario.name, "peer": peer, **dataclasses.asdict(ns)}
        for scenario in scenarios
        if scenario.one_core
        for peer in scenario.peers
        if (ns := ns_over_redirect(scenario.name, peer, results.samples))
    ]
    return {
        "machine": machine,
        "seconds": durations,
        "rounds": results.rounds,
        "versions": results.versions,
        "modes": results.modes,
        "skipped": results.skipped,
        "samples": samples,
        "ns_over_redirect": ns_over,
        "targets": [_target_document(target, results) for target in TARGETS],
    }


def _target_document(target: Target, results: Results) -> dict[str, typing.Any]:
    """`median`, `least`, `most` and `best` are in the unit of `bound`, which `measure` tells."""
    measured = measure_target(target, results.samples)
    values = dataclasses.asdict(measured) if measured else dict.fromkeys(("median", "least", "most", "best"))
    return {
        "what": target.what,
        "scenario": target.scenario,
        "peer": target.peer,
        "reference": target.reference,
        "measure": target.measure,
        "bound": target.bound,
        "at_most": target.at_most,
        **values,
        "reached": target.reached(measured.median) if measured else None,
    }
