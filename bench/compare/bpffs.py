"""bpffs - removes the folder that libxdp, used by some peers, creates in the BPF file system for its lock."""

import contextlib
import pathlib
from collections.abc import Iterator

LIBXDP = pathlib.Path("/sys/fs/bpf/xdp")


@contextlib.contextmanager
def libxdp_folder_removed() -> Iterator[None]:
    """On exit, if it was not there on entry and is empty."""
    there = LIBXDP.exists()
    try:
        yield
    finally:
        if not there:
            with contextlib.suppress(OSError):
                LIBXDP.rmdir()
