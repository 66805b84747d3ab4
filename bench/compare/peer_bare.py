"""peer_bare - forwarding without a policy, by the program `bare` (bare/main.cpp): what XDP and AF_XDP reach here."""

import re

from peers import PROGRAM_CPU, Peer, Setting
from shell import Failed, Process, inside, on_cpu
from topology import Topology


class Bare(Peer):
    def __init__(self, name: str, title: str) -> None:
        self.name, self.title = name, title
        self._program: Process | None = None

    def options(self, lab: Topology, setting: Setting) -> list[str]:
        del lab
        return ["--flows", str(setting.flows), *(["--ipv6"] if setting.family == 6 else [])]

    def start(self, lab: Topology, setting: Setting) -> None:
        words = [str(setting.programs / "bare"), self.name, "f0", "f1", *self.options(lab, setting)]
        words = on_cpu(PROGRAM_CPU, inside(lab.forwarder, words))
        self._program = program = Process(words, setting.folder / f"{self.name}.log")
        program.wait_for(lambda: "\n" in program.output(), 120)

    def mode(self) -> str:
        return self._program.output().splitlines()[0] if self._program else ""

    def stop(self) -> None:
        if self._program:
            self._program.end()


class Insert(Bare):
    """Its map holds as many pairs as twinpath's flow table in the same scenario.

    The peer `insert` has a plain hash map, which refuses an entry when it is full, so it is measured only where the map
    has room for all flows. `insert-lru` has an LRU hash map, which evicts.
    """

    def options(self, lab: Topology, setting: Setting) -> list[str]:
        return ["--flows", str(setting.pairs), "--neighbours", lab.macs["g0"], lab.macs["s0"]]

    def check(self) -> None:
        """Every packet that was forwarded has inserted two entries. `bare` reports that when it ends."""
        assert self._program is not None
        self._program.end()
        counts = re.search(r"entries: (\d+) known, (\d+) no room", self._program.output())
        if not counts:
            raise Failed("bare does not report how many packets inserted no entries")
        if int(counts[1]) or int(counts[2]):
            raise Failed(f"{counts[1]} packets met an entry of their flow, {counts[2]} met a full map")


BARE = (
    Bare("redirect", "bare XDP redirect"),
    Bare("lookup", "XDP redirect + hash lookup"),
    Insert("insert", "XDP forward + two hash inserts"),
    Insert("insert-lru", "XDP forward + two LRU hash inserts"),
    Bare("bridge", "AF_XDP bridge, rings"),
    Bare("bridge-live", "AF_XDP bridge, live frames"),
)
