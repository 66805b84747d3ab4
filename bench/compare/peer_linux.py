"""peer_linux - Linux's own forwarding, and nftables with conntrack on it, with the rules that twinpath gets."""

import contextlib
import pathlib

from peers import Peer, Setting
from shell import Failed, run
from topology import Topology

CONNTRACK_MAX = pathlib.Path("/proc/sys/net/netfilter/nf_conntrack_max")
CONNTRACK_BUCKETS = pathlib.Path("/sys/module/nf_conntrack/parameters/hashsize")


def _read(file: pathlib.Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return "?"


class ConntrackLimits:
    """Limit and buckets of the kernel's conntrack, which are for all namespaces of the host."""

    def __init__(self) -> None:
        self._before: dict[pathlib.Path, str] = {}

    def raise_to(self, flows: int) -> None:
        for file in (CONNTRACK_MAX, CONNTRACK_BUCKETS):
            value = _read(file)
            if value.isdigit() and int(value) < flows:
                try:
                    file.write_text(str(flows))
                except OSError as error:
                    raise Failed(f"no room for {flows} flows: {file}: {error.strerror}") from error
                self._before[file] = value

    def restore(self) -> None:
        for file, value in self._before.items():
            with contextlib.suppress(OSError):
                file.write_text(value)
        self._before = {}


class Linux(Peer):
    name, title, has_xdp = "linux", "Linux forwarding", False

    def start(self, lab: Topology, setting: Setting) -> None:
        run(["sysctl", "-qw", "net.ipv4.ip_forward=1"], netns=lab.forwarder)
        if setting.family == 6:
            run(["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"], netns=lab.forwarder)

    def mode(self) -> str:
        return "routing, no netfilter rules"


class Nftables(Linux):
    name, title, packages, commands = "nft", "nftables + conntrack", ("nftables",), ("nft",)
    stateful, prime_pps = True, 150_000
    _rules = """
table inet bench {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "f0" oifname "f1" meta l4proto { udp, tcp } accept
  }
}"""

    def __init__(self) -> None:
        self._limits = ConntrackLimits()

    def start(self, lab: Topology, setting: Setting) -> None:
        self._limits.raise_to(max(setting.flows, setting.room))
        self._load(lab, setting, self._rules)
        super().start(lab, setting)

    def stop(self) -> None:
        self._limits.restore()

    def _load(self, lab: Topology, setting: Setting, rules: str) -> None:
        file = setting.folder / "rules.nft"
        file.write_text(rules + "\n")
        run(["nft", "-f", str(file)], netns=lab.forwarder)

    def mode(self) -> str:
        return f"stateful rules, room for {_read(CONNTRACK_MAX)} flows in {_read(CONNTRACK_BUCKETS)} buckets"


class Flowtable(Nftables):
    name, title = "nft-flowtable", "nftables + flowtable"
    _rules = """
table inet bench {
  flowtable fast { hook ingress priority 0; devices = { f0, f1 }; }
  chain forward {
    type filter hook forward priority filter; policy drop;
    meta l4proto { udp, tcp } flow add @fast
    ct state established,related accept
    iifname "f0" oifname "f1" meta l4proto { udp, tcp } accept
  }
}"""

    def start(self, lab: Topology, setting: Setting) -> None:
        try:
            super().start(lab, setting)
        except Failed as error:
            raise Failed(f"this kernel has no flowtable ({error})") from error


LINUX = (Linux(), Nftables(), Flowtable())
