"""peer_twinpath - twinpath itself: kernel datapath, user datapath, and the kernel datapath with addresses rewritten."""

import json
import os
import pathlib
import typing

from peers import PROGRAM_CPU, Peer, Setting
from shell import on_cpu, run
from topology import Topology

PAIRS_LEAST = 262144  # the product's own default
RUN_FOLDER = pathlib.Path("/run/twinpath")  # where the daemon's log stays after `down`

Document = dict[str, typing.Any]


class Twinpath(Peer):
    stateful, prime_pps = True, 250_000

    def __init__(self, name: str, title: str, place: str = "auto", extra: Document | None = None) -> None:
        self.name, self.title, self._place, self._extra = name, title, place, extra or {}
        self._instance = f"twbench{os.getpid()}"
        self._program = ""
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
                "max_pairs_v4": _power_of_two(max(setting.flows, setting.room, PAIRS_LEAST)),
                "half_open_share": 1,
            },
            "api": {"unix": str(setting.pool / "api.sock")},
            **self._extra,
        }

    def start(self, lab: Topology, setting: Setting) -> None:
        self._program, self._socket = str(setting.programs / "twinpath"), str(setting.pool / "api.sock")
        file = setting.pool / "twinpath.json"
        file.write_text(json.dumps(self.document(setting), indent=1))
        run([self._program, "check", "-c", str(file)])  # says in one line what this version does not know
        self._netns = lab.forwarder
        run(on_cpu(PROGRAM_CPU, [self._program, "up", "-c", str(file), "--netns", lab.forwarder]))
        self._mode = self._read_mode()

    def _read_mode(self) -> str:
        status = json.loads(run([self._program, "--socket", self._socket, "--json", "status"]))
        ports = status.get("ports", [])
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


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()


# Masquerading rewrites addresses and ports in both directions: the entries that NAT makes.
NAT: Document = {
    "nat": {
        "source": [
            {
                "name": "masquerade",
                "from": "inside",
                "to": "outside",
                "address": "198.20.0.0-198.20.0.255",
                "ports": "1024-65535",
            }
        ]
    }
}

TWINPATH = (
    Twinpath("twinpath", "twinpath, kernel datapath"),
    Twinpath("twinpath-rewrite", "twinpath, kernel datapath + rewrite", extra=NAT),
    Twinpath("twinpath-user", "twinpath, user datapath", place="user"),
)
