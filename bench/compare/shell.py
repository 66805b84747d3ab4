"""shell - commands and long-lived processes, here or in a network namespace.

Only the network namespace is entered: `ip netns exec` would remount /sys and hide the pins in its bpffs. nsenter execs
the program, so the PID is that of the program, and a signal to it ends the program.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence


class Failed(Exception):
    """A command or a measurement failed; the text is for the user."""


def inside(netns: str, words: Sequence[str]) -> list[str]:
    return ["nsenter", f"--net=/run/netns/{netns}", "--", *words]


def on_cpu(cpu: int, words: Sequence[str]) -> list[str]:
    return ["taskset", "--cpu-list", str(cpu), *words]


def run(
    words: Sequence[str], netns: str = "", timeout_s: float = 120, environment: Mapping[str, str] | None = None
) -> str:
    """Returns standard output. Raises Failed with the command's error message."""
    command = inside(netns, words) if netns else list(words)
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )
    except subprocess.TimeoutExpired as late:
        raise Failed(f"{words[0]}: no end after {timeout_s:.0f} s") from late
    except OSError as error:
        raise Failed(f"{words[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise Failed(f"{pathlib.Path(words[0]).name}: {complaint_of(done.stderr) or complaint_of(done.stdout)}")
    return done.stdout


def complaint_of(output: str) -> str:
    """The first line that has the word error or cannot, else the last line."""
    lines = [line.strip() for line in output.strip().splitlines()]
    return next(
        (line for line in lines if "error" in line.lower() or "cannot" in line.lower()), lines[-1] if lines else ""
    )


def eventually(holds: Callable[[], bool], patience_s: float, what: str) -> None:
    deadline = time.monotonic() + patience_s
    while not holds():
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {patience_s:.0f} s")
        time.sleep(0.02)


@contextlib.contextmanager
def signals_blocked() -> Iterator[None]:
    """Signals that end the run are delivered afterwards; commands that are run meanwhile inherit the mask."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Process:
    """A program that runs in the background; its output goes to a file. end() may be called at any time."""

    def __init__(self, words: Sequence[str], log: pathlib.Path, environment: Mapping[str, str] | None = None) -> None:
        self.name = pathlib.Path(words[0]).name
        self.log = log
        # A session of its own: Ctrl-C then reaches only the run, which ends its programs in order. Standard input stays
        # open, because some programs (testpmd) end at its end.
        with log.open("w") as out:
            self._child = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def running(self) -> bool:
        return self._child.poll() is None

    def wait_for(self, holds: Callable[[], bool], patience_s: float = 30) -> None:
        def settled() -> bool:
            return holds() or not self.running()

        eventually(settled, patience_s, f"{self.log.stem} is ready")
        if not self.running():
            raise Failed(f"{self.log.stem} ended: {complaint_of(self.output()) or 'without a word'}")

    def end(self, patience_s: float = 10) -> None:
        if self.running():
            self._child.terminate()
            try:
                self._child.wait(patience_s)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        if self._child.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._child.stdin.close()
