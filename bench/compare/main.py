#!/usr/bin/env python3
"""main - reads the options of scripts/bench and scripts/bench-nics, and runs the comparison.

The scripts have installed and built everything.
"""

import argparse
import contextlib
import dataclasses
import json
import pathlib
import signal
import sys
from collections.abc import Callable

import machine
import plot
import table
from leftovers import remove_leftovers
from measure import PEERS, Bench, progress
from nics import ROLES, Nics
from scenarios import SCENARIOS, Scenario
from shell import Failed
from topology import Veths, Wiring
from traffic import Durations

WHOLE = Durations(seconds=1.5, warmup_seconds=0.7, latency_seconds=5, tcp_seconds=4)
QUICK = Durations(seconds=0.7, warmup_seconds=0.3, latency_seconds=1.5, tcp_seconds=1)
SMOKE = Durations(seconds=0.3, warmup_seconds=0.1, latency_seconds=0.5, tcp_seconds=1)
WHOLE_LIMIT_S, QUICK_LIMIT_S = 38 * 60, 4.6 * 60
BUILT_S = 30  # installing and building take less when nothing is missing
SMOKE_PEERS = ["redirect", "linux", "twinpath"]


def names_of(known: list[str]) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        if unknown := [name for name in text.split(",") if name not in known]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
        return text.split(",")

    return read


def parse(words: list[str]) -> argparse.Namespace:
    nics = "--nics" in words
    prog = "scripts/bench-nics" if nics else "scripts/bench"
    parser = argparse.ArgumentParser(prog=prog, usage="%(prog)s --help", allow_abbrev=False)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--root", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--clang", default="clang", help=argparse.SUPPRESS)
    parser.add_argument("--spent", type=float, default=0, help=argparse.SUPPRESS)  # seconds, on installing and building
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--packages", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--peers", type=names_of(list(PEERS)))
    parser.add_argument("--scenarios", type=names_of([scenario.name for scenario in SCENARIOS]))
    parser.add_argument("--repetitions", type=int)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--plot", type=pathlib.Path)
    parser.add_argument("--nics", action="store_true", help=argparse.SUPPRESS)
    if nics:
        parser.add_argument("--restore", "--give-back", dest="restore", action="store_true")
        parser.add_argument("--force", action="store_true")
        needs_devices = not {"--restore", "--give-back", "--list"} & set(words)
        for role in ROLES:
            parser.add_argument(f"--{role}", metavar="DEVICE", required=needs_devices)
    return parser.parse_args(words)


def wiring_of(options: argparse.Namespace) -> contextlib.AbstractContextManager[Wiring]:
    if options.nics:
        return Nics({role: getattr(options, role) for role in ROLES}, options.force)
    return contextlib.nullcontext(Veths())


def chosen_scenarios(options: argparse.Namespace) -> list[Scenario]:
    if options.scenarios:
        return [scenario for scenario in SCENARIOS if scenario.name in options.scenarios]
    if options.smoke:
        return [SCENARIOS[0]]
    return [scenario for scenario in SCENARIOS if scenario.quick or not options.quick]


def chosen_peers(options: argparse.Namespace, scenarios: list[Scenario]) -> list[str]:
    wanted = options.peers or (SMOKE_PEERS if options.smoke else list(PEERS))
    return [name for name in wanted if any(name in scenario.peers for scenario in scenarios)]


def list_all() -> None:
    for scenario in SCENARIOS:
        title = f"{scenario.title}{' [quick]' if scenario.quick else ''}"
        print(f"scenario {scenario.name:<18} {title}: {', '.join(scenario.peers)}")
    for peer in PEERS.values():
        print(f"peer     {peer.name:<18} {peer.title}{' — ' + why if (why := peer.missing()) else ''}")


def run(options: argparse.Namespace) -> int:
    for why in remove_leftovers():
        progress(why)
    facts = machine.facts(options.root, options.clang)
    with wiring_of(options) as wiring:
        return compare(options, wiring, facts | wiring.facts())


def compare(options: argparse.Namespace, wiring: Wiring, facts: dict[str, str]) -> int:
    durations = SMOKE if options.smoke else QUICK if options.quick else WHOLE
    rounds = options.repetitions or (1 if options.smoke else 3 if options.quick else 5)
    scenarios = chosen_scenarios(options)
    peers = chosen_peers(options, scenarios)
    bench = Bench(options.programs, durations, peers, wiring)
    bench.find_peers()
    if options.spent > BUILT_S and rounds > 1:
        progress(f"{options.spent:.0f} s went into installing and building: another run may have time for more rounds")
    stopped = False
    try:
        bench.run(scenarios, rounds, (QUICK_LIMIT_S if options.quick else WHOLE_LIMIT_S) - options.spent)
    except KeyboardInterrupt:
        stopped = True
        progress("stopped; what has been measured:")
    write(options, scenarios, bench, facts, dataclasses.asdict(durations))
    expected = {(scenario.name, peer) for scenario in scenarios for peer in peers if peer in scenario.peers}
    if options.smoke and {key[:2] for key in bench.results.samples} != expected:
        return 1
    return 130 if stopped else 0 if bench.results.samples else 1


def restore() -> int:
    """NICs that killed runs took, and removes what else these left."""
    complaints = remove_leftovers()
    for why in complaints:
        progress(why)
    return 1 if complaints else 0


def write(
    options: argparse.Namespace,
    scenarios: list[Scenario],
    bench: Bench,
    facts: dict[str, str],
    durations: dict[str, float],
) -> None:
    print(table.markdown(scenarios, bench.results, facts))
    if options.json:
        options.json.write_text(json.dumps(table.document(scenarios, bench.results, facts, durations), indent=1) + "\n")
    if options.plot:
        options.plot.write_text(plot.svg(scenarios, bench.results))


def interrupt(*_: object) -> None:
    """Only the first signal: the next ones must not stop the removal."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    options = parse(sys.argv[1:])
    if options.list:
        list_all()
        return 0
    if options.packages:
        for peer in PEERS.values():
            if peer.packages and (not options.peers or peer.name in options.peers):
                print(*peer.packages)
        return 0
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        return restore() if options.nics and options.restore else run(options)
    except Failed as error:
        progress(f"{'bench-nics' if options.nics else 'bench'}: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
