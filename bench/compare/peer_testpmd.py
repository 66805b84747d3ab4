"""peer_testpmd - DPDK's testpmd over its AF_XDP driver: no policy, the MAC addresses changed."""

import os

from peers import PACKET_CPU, PROGRAM_CPU, Peer, Setting
from shell import Process, inside
from topology import GENERATOR_MAC, SINK_MAC, Topology


class Testpmd(Peer):
    name, title = "testpmd", "DPDK testpmd, AF_XDP"
    packages, commands = ("dpdk-dev", "librte-net-af-xdp23"), ("dpdk-testpmd",)

    def __init__(self) -> None:
        self._program: Process | None = None

    def start(self, lab: Topology, setting: Setting) -> None:
        # No files outside of us; lines as they are written, or the one that says it is ready never comes. The main core
        # only waits.
        words = ["stdbuf", "--output=L", "dpdk-testpmd", "--no-shconf", "--no-telemetry", "--no-huge", "-m", "512", "--no-pci",
                 "-l", f"{PACKET_CPU},{PROGRAM_CPU}", "--main-lcore", str(PACKET_CPU), "--file-prefix", f"twbench{os.getpid()}",
                 "--vdev", "net_af_xdp0,iface=f0", "--vdev", "net_af_xdp1,iface=f1", "--", "--nb-cores=1", "--total-num-mbufs=65536",
                 "--forward-mode=mac", f"--eth-peer=0,{GENERATOR_MAC}", f"--eth-peer=1,{SINK_MAC}", "--auto-start"]
        self._program = program = Process(inside(lab.forwarder, words), setting.pool / "testpmd.log",
                                          {"RUNTIME_DIRECTORY": str(setting.pool)})
        program.wait_for(lambda: "Press enter to exit" in program.output())

    def mode(self) -> str:
        return "net_af_xdp, forward-mode mac, copy on veth, one core, 1 queue"

    def stop(self) -> None:
        if self._program:
            self._program.end()


TESTPMD = (Testpmd(),)
