"""peer_twinpath - twinpath: kernel datapath, user datapath, and the kernel datapath with translated flows."""

import json
import os
import pathlib

import rest
from namespaces import RUN_FOLDER  # where the daemon's log stays after `down`
from peers import PROGRAM_CPU, Peer, Setting
from rest import Document
from shell import Failed, on_cpu, run
from topology import Topology

PAIRS_CHECKED = 100
PINS = pathlib.Path("/sys/fs/bpf/twinpath")


class Twinpath(Peer):
    stateful, prime_pps = True, 250_000

    def __init__(self, name: str, title: str, place: str = "auto") -> None:
        self.name, self.title, self._place = name, title, place
        self._instance = f"twbench{os.getpid()}"
        self._program = self._pairs = ""
        self._socket = pathlib.Path()
        self._netns = ""
        self._mode = ""

    def document(self, setting: Setting) -> Document:
        return {
            "name": self._instance,
            "ports": [
                {"name": "in", "device": "f0", "zone": "inside"},
                {"name": "out", "device": "f1", "zone": "outside"},
            ],
            "zones": {zone: {"default": "drop"} for zone in ("inside", "outside")},
            "rules": [
                {
                    "name": protocol,
                    "from": "inside",
                    "to": "outside",
                    "protocol": protocol,
                    "action": "allow",
                    "place": self._place,
                }
                for protocol in setting.protocols
            ],
            # Every flow is half open until it has been answered, which in a benchmark all are at the same time.
            "flows": {
                "max_pairs_v4": setting.pairs,
                "half_open_share": 1,
                "timeouts": {"udp_stream_s": setting.udp_stream_s},
            },
            "api": {"unix": str(setting.folder / "api.sock")},
        }

    def start(self, lab: Topology, setting: Setting) -> None:
        self._program, self._pairs = (str(setting.programs / name) for name in ("twinpath", "pairs"))
        self._socket = setting.folder / "api.sock"
        file = setting.folder / "twinpath.json"
        file.write_text(json.dumps(self.document(setting), indent=1))
        run([self._program, "check", "-c", str(file)])  # says in one line what this version does not know
        self._netns = lab.forwarder
        run(on_cpu(PROGRAM_CPU, [self._program, "up", "-c", str(file), "--netns", lab.forwarder]))
        self._mode = self._read_mode()

    def install(self, flows: int, *options: str) -> str:
        """Inserts assured pairs of these flows into the table. Returns the output of `pairs`."""
        return run([self._pairs, self._instance, "--flows", str(flows), *options])

    def get(self, target: str) -> Document:
        return rest.get(self._socket, target)

    def pins(self) -> pathlib.Path:
        return PINS / self._instance

    def cpu_seconds(self) -> float:
        """Of the daemon's threads so far, in user space and in the kernel."""
        status = pathlib.Path(f"/proc/{rest.listener(self._socket)}/stat").read_text()
        user, system = status.rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def _read_mode(self) -> str:
        ports = self.get("/v1/status").get("ports", [])
        return "; ".join(f"{port.get('name')}: {_describe(port)}" for port in ports)

    def mode(self) -> str:
        return self._mode

    def stop(self) -> None:
        if not self._netns:
            return
        netns, self._netns = self._netns, ""
        try:
            run([self._program, "-n", self._instance, "--netns", netns, "down"])
        finally:
            (RUN_FOLDER / f"{self._instance}.log").unlink(missing_ok=True)

    def version(self) -> str:
        return run([self._program, "--version"]).strip() if self._program else ""


def _describe(port: Document) -> str:
    sockets = ", ".join(f"queue {socket.get('queue')} {socket.get('rung')}" for socket in port.get("sockets", []))
    return f"{port.get('attach')} XDP, AF_XDP {sockets}, takes redirects: {port.get('redirect')}"


class TwinpathTranslated(Twinpath):
    """Its flows have their addresses and ports translated, as by NAT: `pairs` (pairs/) inserts the entries."""

    def preload(self, flows: int) -> bool:
        self.install(flows)
        self._stamp = self._read_stamp()
        return True

    def _read_stamp(self) -> tuple[int, int]:
        status = self.get("/v1/status")
        return status["generation"], status["epoch"]

    def check(self) -> None:
        """The entries that counted packets translate, none was decided anew, and user space forwarded no packet."""
        pairs = self.get(f"/v1/policies?limit={PAIRS_CHECKED}")["policies"]
        counted = [pair["forward"] for pair in pairs if pair["forward"]["packets"]]
        if not counted or any("rewrite" not in forward for forward in counted):
            raise Failed(f"of {len(pairs)} entries {len(counted)} have counted packets, and not all of these translate")
        if self._read_stamp() != self._stamp:
            raise Failed("entries were decided anew while they were measured")
        out = next(port for port in self.get("/v1/ports")["ports"] if port["name"] == "out")
        if out["engine_transmitted"]["packets"] > out["forwarded"]["packets"] / 1000:
            raise Failed(f"user space has sent {out['engine_transmitted']['packets']} packets")


TWINPATH = (
    Twinpath("twinpath", "twinpath, kernel datapath"),
    TwinpathTranslated("twinpath-rewrite", "twinpath, kernel datapath, translated"),
    Twinpath("twinpath-user", "twinpath, user datapath", place="user"),
)
