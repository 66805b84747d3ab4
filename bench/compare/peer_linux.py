"""peer_linux - Linux's own forwarding, and nftables with conntrack on it, with the rules that twinpath gets."""

import contextlib
import pathlib
from collections.abc import Iterator

from peers import Peer, Setting
from shell import Failed, run
from topology import Topology

CONNTRACK_MAX = pathlib.Path("/proc/sys/net/netfilter/nf_conntrack_max")
CONNTRACK_BUCKETS = pathlib.Path("/sys/module/nf_conntrack/parameters/hashsize")


class Linux(Peer):
    name, title, has_xdp = "linux", "Linux forwarding", False

    def start(self, lab: Topology, setting: Setting) -> None:
        run(["sysctl", "-qw", "net.ipv4.ip_forward=1"], netns=lab.forwarder)

    def mode(self) -> str:
        return "routing, no netfilter rules"


class Nftables(Linux):
    name, title, packages, commands = "nft", "nftables + conntrack", ("nftables",), ("nft",)
    stateful, prime_pps = True, 100_000
    _rules = """
table inet bench {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "f0" oifname "f1" meta l4proto { udp, tcp } accept
  }
}"""

    def start(self, lab: Topology, setting: Setting) -> None:
        self._load(lab, setting, self._rules)
        super().start(lab, setting)

    def _load(self, lab: Topology, setting: Setting, rules: str) -> None:
        file = setting.pool / "rules.nft"
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


def _read(file: pathlib.Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return "?"


@contextlib.contextmanager
def room_for_flows(flows: int) -> Iterator[str]:
    """Makes the kernel's conntrack big enough, for all namespaces, and gives back what was.

    Yields what stood in the way, or nothing: with too small a table nftables drops flows, and its figures are worth
    nothing.
    """
    before = {file: _read(file) for file in (CONNTRACK_MAX, CONNTRACK_BUCKETS)}
    try:
        yield "; ".join(filter(None, (_raise(file, before[file], flows) for file in before)))
    finally:
        for file, value in before.items():
            if value.isdigit() and _read(file) != value:
                with contextlib.suppress(OSError):
                    file.write_text(value)


def _raise(file: pathlib.Path, value: str, wanted: int) -> str:
    if value.isdigit() and int(value) >= wanted:
        return ""
    try:
        file.write_text(str(wanted))
        return ""
    except OSError as error:
        return f"{file}: {error.strerror}"


LINUX = (Linux(), Nftables(), Flowtable())
