"""peer_ovs - Open vSwitch's netdev datapath with AF_XDP ports.

Each measurement starts a database and a daemon in the forwarder's namespace, with all files and sockets in its folder.
An Open vSwitch that runs on the host is not changed.
"""

import pathlib

from peers import PROGRAM_CPU, Peer, Setting
from shell import Failed, Process, inside, run
from topology import Topology

SCHEMA = pathlib.Path("/usr/share/openvswitch/vswitch.ovsschema")
STATELESS = ("in_port=f0,actions=output:f1", "in_port=f1,actions=output:f0")
CONNTRACK = (
    "table=0,priority=10,ip,ct_state=-trk,actions=ct(table=1)",
    "table=1,priority=10,ip,in_port=f0,ct_state=+trk+new,actions=ct(commit),output:f1",
    "table=1,priority=10,ip,in_port=f0,ct_state=+trk+est,actions=output:f1",
    "table=1,priority=10,ip,in_port=f1,ct_state=+trk+est,actions=output:f0",
    "table=0,priority=0,actions=drop",
    "table=1,priority=0,actions=drop",
)


class OpenVSwitch(Peer):
    packages = ("openvswitch-switch",)
    commands = ("ovs-vswitchd", "ovsdb-server", "ovsdb-tool", "ovs-vsctl", "ovs-ofctl", "ovs-appctl")

    def __init__(self, name: str, title: str, flows: tuple[str, ...], stateful: bool) -> None:
        self.name, self.title, self._flows, self.stateful = name, title, flows, stateful
        self.prime_pps = 100_000
        self._processes: list[Process] = []
        self._mode = ""

    def start(self, lab: Topology, setting: Setting) -> None:
        self._folder, self._lab = setting.folder, lab
        self._environment = {f"OVS_{what}": str(setting.folder) for what in ("RUNDIR", "LOGDIR", "DBDIR", "SYSCONFDIR")}
        self._database = f"unix:{setting.folder}/db.sock"
        self._start_daemons(setting)
        self._vsctl("set", "Open_vSwitch", ".", f"other_config:pmd-cpu-mask={1 << PROGRAM_CPU:#x}")
        self._vsctl(
            "add-br",
            "br0",
            "--",
            "set",
            "bridge",
            "br0",
            "datapath_type=netdev",
            "fail-mode=secure",
            "protocols=OpenFlow13",
        )
        for device in ("f0", "f1"):
            self._vsctl(
                "add-port", "br0", device, "--", "set", "interface", device, "type=afxdp", f"options:n_rxq={lab.queues}"
            )
        self._add_flows()
        self._check_ports()

    def _start_daemons(self, setting: Setting) -> None:
        socket, log = setting.folder / "db.sock", setting.folder
        run(["ovsdb-tool", "create", str(log / "conf.db"), str(SCHEMA)], environment=self._environment)
        # Without --detach and --pidfile: they stay child processes, which stop() ends.
        server = ["ovsdb-server", str(log / "conf.db"), f"--remote=punix:{socket}", f"--unixctl={log}/db.ctl"]
        self._spawn(server, "ovsdb").wait_for(socket.exists)
        self._vsctl("--no-wait", "init")
        control = log / "vswitchd.ctl"
        self._spawn(["ovs-vswitchd", self._database, f"--unixctl={control}"], "vswitchd").wait_for(control.exists)

    def _spawn(self, words: list[str], name: str) -> Process:
        process = Process(inside(self._lab.forwarder, words), self._folder / f"{name}.log", self._environment)
        self._processes.append(process)
        return process

    def _vsctl(self, *words: str) -> str:
        return run(["ovs-vsctl", f"--db={self._database}", "--timeout=20", *words], environment=self._environment)

    def _add_flows(self) -> None:
        management = f"unix:{self._folder}/br0.mgmt"
        run(["ovs-ofctl", "-O", "OpenFlow13", "del-flows", management], environment=self._environment)
        for flow in self._flows:
            for device in ("f0", "f1"):
                flow = flow.replace(f"in_port={device}", f"in_port={self._port(device)}")
                flow = flow.replace(f"output:{device}", f"output:{self._port(device)}")
            run(["ovs-ofctl", "-O", "OpenFlow13", "add-flow", management, flow], environment=self._environment)

    def _port(self, device: str) -> str:
        return self._vsctl("get", "interface", device, "ofport").strip()

    def _check_ports(self) -> None:
        for device in ("f0", "f1"):
            error = self._vsctl("get", "interface", device, "error").strip()
            if error not in ("[]", '""'):
                raise Failed(f"Open vSwitch, port {device}: {error}")
        self._mode = f"netdev datapath, one core; {self._socket_modes()}"

    def _socket_modes(self) -> str:
        lines = run(
            ["ovs-appctl", "-t", str(self._folder / "vswitchd.ctl"), "dpif/show"], environment=self._environment
        ).splitlines()
        return "; ".join(line.strip() for line in lines if "afxdp" in line)

    def mode(self) -> str:
        return self._mode

    def stop(self) -> None:
        # The daemon first: it removes programs and tap devices while its database runs.
        for process in reversed(self._processes):
            process.end()
        self._processes = []


OPEN_VSWITCH = (
    OpenVSwitch("ovs", "Open vSwitch, AF_XDP", STATELESS, stateful=False),
    OpenVSwitch("ovs-ct", "Open vSwitch, AF_XDP + conntrack", CONNTRACK, stateful=True),
)
