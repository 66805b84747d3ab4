"""measure - runs scenarios and peers in rounds.

Each round measures everything once, A B C A B C, so that a slow change of the machine affects all peers alike.
"""

import contextlib
import dataclasses
import pathlib
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator

from bpffs import libxdp_folder_removed
from peer_bare import BARE
from peer_linux import LINUX
from peer_ovs import OPEN_VSWITCH
from peer_testpmd import TESTPMD
from peer_twinpath import TWINPATH
from peers import Peer, Setting
from scenarios import Figures, Scenario
from shell import Failed, Process, inside
from targets import Samples
from topology import Offloads, Topology, Wiring
from traffic import Durations, Traffic

PEERS: dict[str, Peer] = {peer.name: peer for peer in (*BARE, *LINUX, *OPEN_VSWITCH, *TESTPMD, *TWINPATH)}


@dataclasses.dataclass
class Results:
    samples: Samples = dataclasses.field(default_factory=dict)
    skipped: dict[str, str] = dataclasses.field(default_factory=dict)  # "peer" or "scenario/peer" → reason
    modes: dict[str, str] = dataclasses.field(default_factory=dict)  # "scenario/peer" → Peer.mode()
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    rounds: int = 0

    def values(self, scenario: str, peer: str, figure: str) -> list[float]:
        return [
            figures[figure]
            for (in_scenario, of_peer, _), figures in sorted(self.samples.items())
            if (in_scenario, of_peer) == (scenario, peer) and figure in figures
        ]


class Bench:
    def __init__(self, programs: pathlib.Path, durations: Durations, peers: list[str], wiring: Wiring) -> None:
        self._programs, self._pace, self._peers, self._wiring = programs, durations, peers, wiring
        self._offloads: dict[str, Offloads] = {}  # by scenario: those of its first peer
        self.results = Results()

    def find_peers(self) -> None:
        """Skips the peers that cannot run on this machine."""
        for name in self._peers:
            if why := PEERS[name].missing():
                self._skip(name, why)

    def run(self, scenarios: list[Scenario], rounds: int, limit_s: float) -> None:
        """The first round always runs; another one only if it would end within `limit_s`, judged by the one before."""
        started = time.monotonic()
        for number in range(rounds):
            began = time.monotonic()
            for scenario in scenarios:
                if scenario.rounds and number >= scenario.rounds:
                    continue
                for name in (name for name in scenario.peers if name in self._peers):
                    self._once(scenario, name, number)
            self.results.rounds = number + 1
            now = time.monotonic()
            if number + 1 < rounds and now - started + (now - began) > limit_s:
                progress(f"{number + 1} of {rounds} rounds: there is no time for more")
                return

    def _once(self, scenario: Scenario, name: str, number: int) -> None:
        place = f"{scenario.name}/{name}"
        if name in self.results.skipped or place in self.results.skipped:
            return
        try:
            figures = self._measure(scenario, PEERS[name])
        except (Failed, KeyError, TypeError, ValueError) as error:  # all but Failed: unexpected output of a program
            self._skip(place, str(error) if isinstance(error, Failed) else repr(error))
            return
        self.results.samples[scenario.name, name, number] = figures
        shown = ", ".join(f"{value:.4g} {figure}" for figure, value in figures.items())
        progress(f"round {number + 1}  {scenario.name:<18} {name:<17} {shown}")

    def _measure(self, scenario: Scenario, peer: Peer) -> Figures:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="twbench-"))
        try:
            with libxdp_folder_removed(), Topology(scenario.queues, self._wiring, scenario.family) as lab:
                try:
                    peer.start(lab, self._setting(scenario, folder))
                    lab.wait_for_links()
                    return self._send(scenario, peer, lab, Traffic(self._programs, lab, folder, scenario.family))
                finally:
                    self._stop(peer)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _setting(self, scenario: Scenario, folder: pathlib.Path) -> Setting:
        return Setting(
            flows=max(scenario.flows, 1),
            room=scenario.room,
            folder=folder,
            programs=self._programs,
            udp_stream_s=scenario.udp_stream_s,
            family=scenario.family,
        )

    def _stop(self, peer: Peer) -> None:
        """A failure here must not replace the error that ended the measurement. The topology ends what still runs."""
        try:
            peer.stop()
        except Failed as error:
            progress(f"{peer.name} was not stopped in order: {error}")

    def _send(self, scenario: Scenario, peer: Peer, lab: Topology, traffic: Traffic) -> Figures:
        self.results.modes[f"{scenario.name}/{peer.name}"] = peer.mode()
        self.results.versions[peer.name] = peer.version()
        if scenario.same_offloads:
            self._equal_offloads(scenario, lab)
        else:
            lab.receive_by_napi()
        if peer.stateful and scenario.flows and not peer.preload(scenario.flows):
            with self._answers_arrive(peer, lab, traffic):
                traffic.prime(scenario.flows, peer.prime_pps)
        if scenario.answered:
            with self._answers_arrive(peer, lab, traffic):
                figures = scenario.send(traffic, self._pace, peer)
        else:
            figures = scenario.send(traffic, self._pace, peer)
        peer.check()
        return figures

    @contextlib.contextmanager
    def _answers_arrive(self, peer: Peer, lab: Topology, traffic: Traffic) -> Iterator[None]:
        """Attaches XDP programs that pass everything, for peers without XDP (Peer.has_xdp)."""
        if peer.has_xdp:
            yield
            return
        words = [str(self._programs / "bare"), "pass", "f0", "f1"]
        helper = Process(inside(lab.forwarder, words), traffic.folder / "pass.log")
        try:
            helper.wait_for(lambda: "\n" in helper.output())
            lab.wait_for_links()
            yield
        finally:
            helper.end()

    def _equal_offloads(self, scenario: Scenario, lab: Topology) -> None:
        if scenario.name in self._offloads:
            lab.set_offloads(self._offloads[scenario.name])
        else:
            self._offloads[scenario.name] = lab.offloads()

    def _skip(self, place: str, why: str) -> None:
        why = re.sub(r"\S*/twbench-\w+/", "", why)  # without the measurement's temporary folder
        self.results.skipped[place] = why
        progress(f"skipped  {place}: {why}")


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
