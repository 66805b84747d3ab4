"""device - saves and restores the state of a network device that a measurement or a move to another namespace changes.

A move loses the device's addresses, routes and sysctls; a measurement changes the rest.
"""

import contextlib
import dataclasses
import functools
import json
import pathlib
import typing
from collections.abc import Callable, Iterator

from shell import Failed, eventually, run

FOREVER = 4294967295
CONF_FOLDERS = [f"/proc/sys/net/{family}/{kind}" for family in ("ipv4", "ipv6") for kind in ("conf", "neigh")]
# Set with the addresses, or by router advertisements.
AUTOMATIC_ROUTES = {"kernel", "ra"}

Row = dict[str, typing.Any]  # as `ip -json` prints one


@dataclasses.dataclass(frozen=True)
class DeviceState:
    """Of a device in the namespace of this process."""

    name: str
    mac: str
    mtu: int
    up: bool
    promiscuous: bool
    addresses: list[Row]
    routes: list[Row]
    sysctls: dict[str, str]  # file → value
    features: dict[str, bool]  # those that can be switched
    channels: dict[str, int]

    @classmethod
    def read(cls, name: str) -> "DeviceState":
        link = link_of(name)
        return cls(
            name=name,
            mac=link["address"],
            mtu=link["mtu"],
            up="UP" in link["flags"],
            promiscuous="PROMISC" in link["flags"],
            addresses=[row for row in _rows(["address", "show", "dev", name])[0]["addr_info"] if "local" in row],
            routes=_routes_of(name),
            sysctls=_sysctls_of(name),
            features=features_of(name),
            channels=channels_of(name),
        )

    def restore(self) -> None:
        """The device must be in the namespace of this process, by its old name. All steps run, also after a failure."""
        complaints = []
        for step in self._steps():
            try:
                step()
            except Failed as error:
                complaints.append(str(error))
        if complaints:
            raise Failed("; ".join(complaints))

    def _steps(self) -> Iterator[Callable[[], None]]:
        yield lambda: drop_program(self.name)
        yield lambda: set_features(self.name, self.features)
        yield lambda: set_channels(self.name, self.channels)
        yield self._restore_link
        yield self._restore_sysctls
        yield lambda: _ip(["link", "set", "dev", self.name, "up" if self.up else "down"])
        for address in (address for address in self.addresses if not address.get("temporary")):
            yield functools.partial(_ip, ["address", "replace", *_address_words(address), "dev", self.name])
        for route in self.routes:
            words = ["route", "replace", *_route_words(route), "dev", self.name]
            yield functools.partial(_ip, [f"-{route['family']}", *words])

    def _restore_link(self) -> None:
        words = ["mtu", str(self.mtu), "promisc", "on" if self.promiscuous else "off"]
        if link_of(self.name)["address"] != self.mac:
            words += ["address", self.mac]
        _ip(["link", "set", "dev", self.name, *words])

    def _restore_sysctls(self) -> None:
        for file, value in self.sysctls.items():
            with contextlib.suppress(OSError):  # some can only be read, some are gone
                if pathlib.Path(file).read_text() != value:
                    pathlib.Path(file).write_text(value)


def _ip(words: list[str]) -> None:
    run(["ip", *words])


def _rows(words: list[str], netns: str = "") -> list[Row]:
    rows: list[Row] = json.loads(run(["ip", "-json", "-details", *words], netns=netns) or "[]")
    return [row for row in rows if row]


def links(netns: str = "") -> list[Row]:
    return _rows(["link", "show"], netns)


def link_of(name: str, netns: str = "") -> Row:
    return _rows(["link", "show", "dev", name], netns)[0]


def has(name: str, netns: str = "") -> bool:
    return any(link["ifname"] == name for link in links(netns))


def drop_program(name: str, netns: str = "") -> None:
    """Detaches XDP. Some programs leave theirs attached when they are killed; a BPF link is detached a moment after its
    last owner has ended.
    """

    def dropped() -> bool:
        if "xdp" not in link_of(name, netns):
            return True
        with contextlib.suppress(Failed):
            run(["ip", "link", "set", "dev", name, "xdp", "off"], netns=netns)
        return False

    eventually(dropped, 5, f"{name} without an XDP program")


def _routes_of(name: str) -> list[Row]:
    """Without those that the kernel or a router sets. Routes without a gateway first: a gateway must be reachable."""
    found = [
        {**route, "family": family}
        for family in (4, 6)
        for route in _rows([f"-{family}", "route", "show", "table", "all", "dev", name])
        if route.get("type", "unicast") == "unicast" and route.get("protocol") not in AUTOMATIC_ROUTES
    ]
    return sorted(found, key=lambda route: "gateway" in route or "via" in route)


def _route_words(route: Row) -> list[str]:
    words = [route["dst"]]
    if "via" in route:
        words += ["via", route["via"]["family"], route["via"]["host"]]
    elif "gateway" in route:
        words += ["via", route["gateway"]]
    for key, word in (("protocol", "proto"), ("scope", "scope"), ("metric", "metric"), ("prefsrc", "src")):
        if key in route:
            words += [word, str(route[key])]
    words += ["table", str(route["table"])] if "table" in route else []
    return words + (["onlink"] if "onlink" in route.get("flags", []) else [])


def _address_words(address: Row) -> list[str]:
    far = address.get("address")
    length = address["prefixlen"]
    words = [address["local"], "peer", f"{far}/{length}"] if far else [f"{address['local']}/{length}"]
    for key in ("broadcast", "label", "metric", "scope"):
        if key in address:
            words += [key, str(address[key])]
    if "protocol" in address:  # who made it, kernel_ll say; an `ip` that shows it can set it
        words += ["proto", str(address["protocol"])]
    for key, word in (("valid_life_time", "valid_lft"), ("preferred_life_time", "preferred_lft")):
        if address.get(key, FOREVER) != FOREVER:
            words += [word, str(address[key])]
    return words + [flag for flag in ("noprefixroute", "mngtmpaddr", "home", "nodad") if address.get(flag)]


def _sysctls_of(name: str) -> dict[str, str]:
    found = {}
    for folder in CONF_FOLDERS:
        for file in sorted(pathlib.Path(folder, name).glob("*")):
            with contextlib.suppress(OSError):
                found[str(file)] = file.read_text()
    return found


def features_of(name: str, netns: str = "") -> dict[str, bool]:
    found = json.loads(run(["ethtool", "--json", "--show-features", name], netns=netns))[0]
    return {
        feature: state["requested"]
        for feature, state in found.items()
        if isinstance(state, dict) and state["fixed"] is False
    }


def set_features(name: str, wanted: dict[str, bool], netns: str = "") -> None:
    now = features_of(name, netns)
    words = [
        word
        for feature, on in wanted.items()
        if now.get(feature, on) != on
        for word in (feature, "on" if on else "off")
    ]
    if words:
        run(["ethtool", "--features", name, *words], netns=netns)


def channels_of(name: str, netns: str = "") -> dict[str, int]:
    """Kind ("rx", "tx", "combined", "other") → how many. Empty where the driver does not say."""
    try:
        lines = run(["ethtool", "--show-channels", name], netns=netns).partition("Current")[2].splitlines()
    except Failed:
        return {}
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {kind.lower(): int(count) for kind, count in pairs if count.strip().isdigit()}


def set_channels(name: str, wanted: dict[str, int], netns: str = "") -> None:
    now = channels_of(name, netns)
    words = [word for kind, count in wanted.items() if now.get(kind) != count for word in (kind, str(count))]
    if words:
        run(["ethtool", "--set-channels", name, *words], netns=netns)


def queues_of(name: str, netns: str = "") -> int:
    """How many receive queues it has."""
    channels = channels_of(name, netns)
    told = channels.get("combined", 0) + channels.get("rx", 0)
    return told or int(link_of(name, netns)["num_rx_queues"])


def set_queues(name: str, count: int, netns: str = "") -> None:
    """Of each direction. Raises Failed where the driver cannot."""
    if queues_of(name, netns) == count:
        return
    channels = channels_of(name, netns)
    if not channels:
        raise Failed("the driver does not let the number of queues be set")
    if "combined" in channels:
        set_channels(name, {"combined": count, **{kind: 0 for kind in ("rx", "tx") if channels.get(kind)}}, netns)
    else:
        set_channels(name, {"rx": count, "tx": count}, netns)


def describe(name: str, netns: str) -> str:
    """Driver, firmware, speed, bus address and queues: rates depend on them."""
    driver = _fields(["ethtool", "--driver", name], netns)
    settings = _fields(["ethtool", name], netns)
    parts = [
        f"{driver.get('driver', 'unknown driver')} {driver.get('version', '')}".strip(),
        f"firmware {driver['firmware-version']}" if driver.get("firmware-version") else "",
        settings.get("Speed", "unknown speed"),
        f"bus {driver['bus-info']}" if driver.get("bus-info") else "no bus",
        f"queues {queues_of(name, netns)}",
    ]
    return ", ".join(part for part in parts if part)


def _fields(words: list[str], netns: str) -> dict[str, str]:
    pairs = (line.split(":", 1) for line in run(words, netns=netns).splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}
