"""peer_testpmd - DPDK's testpmd over its AF_XDP driver: no policy, the MAC addresses changed."""

import os

from peers import PACKET_CPU, PROGRAM_CPU, Peer, Setting
from shell import Process, inside
from topology import Topology


class Testpmd(Peer):
    name, title = "testpmd", "DPDK testpmd, AF_XDP"
    packages, commands = ("dpdk-dev", "librte-net-af-xdp23"), ("dpdk-testpmd",)

    def __init__(self) -> None:
        self._program: Process | None = None

    def start(self, lab: Topology, setting: Setting) -> None:
        # No files outside of the measurement's folder. Without stdbuf the line that says it is ready would stay in a
        # buffer. The main core only waits.
        devices = "--vdev net_af_xdp0,iface=f0 --vdev net_af_xdp1,iface=f1"
        cores = f"-l {PACKET_CPU},{PROGRAM_CPU} --main-lcore {PACKET_CPU}"
        files = f"--no-shconf --no-telemetry --file-prefix twbench{os.getpid()}"
        others = f"--eth-peer=0,{lab.macs['g0']} --eth-peer=1,{lab.macs['s0']}"
        forward = f"--nb-cores=1 --forward-mode=mac {others} --auto-start"
        command = (
            f"stdbuf --output=L dpdk-testpmd {files} --no-huge -m 512 --no-pci {cores} {devices} "
            f"-- --total-num-mbufs=65536 {forward}"
        )
        words = command.split()
        self._program = program = Process(
            inside(lab.forwarder, words), setting.folder / "testpmd.log", {"RUNTIME_DIRECTORY": str(setting.folder)}
        )
        program.wait_for(lambda: "Press enter to exit" in program.output())

    def mode(self) -> str:
        return "net_af_xdp, forward-mode mac, copy on veth, one core, 1 queue"

    def stop(self) -> None:
        if self._program:
            self._program.end()


TESTPMD = (Testpmd(),)
