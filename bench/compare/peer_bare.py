"""peer_bare - the limits of this machine: forwarding without any policy, by the program `bare` (bare/main.cpp)."""

from peers import PROGRAM_CPU, Peer, Setting
from shell import Process, inside, on_cpu
from topology import Topology


class Bare(Peer):
    def __init__(self, name: str, title: str, mode: str) -> None:
        self.name, self.title, self._mode = name, title, mode
        self._program: Process | None = None

    def start(self, lab: Topology, setting: Setting) -> None:
        words = [str(setting.programs / "bare"), self._mode, "f0", "f1", "--flows", str(setting.flows)]
        words = on_cpu(PROGRAM_CPU, inside(lab.forwarder, words))
        self._program = program = Process(words, setting.pool / f"{self.name}.log")
        program.wait_for(lambda: "\n" in program.output(), 120)

    def mode(self) -> str:
        return self._program.output().splitlines()[0] if self._program else ""

    def stop(self) -> None:
        if self._program:
            self._program.end()


BARE = (
    Bare("redirect", "bare XDP redirect", "redirect"),
    Bare("lookup", "XDP redirect + hash lookup", "lookup"),
    Bare("bridge", "AF_XDP bridge, rings", "bridge"),
    Bare("bridge-live", "AF_XDP bridge, live frames", "bridge-live"),
)
