"""bpffs - the BPF file system, in which libxdp of other programs makes a folder for its lock and leaves it."""

import contextlib
import pathlib
from collections.abc import Iterator

LIBXDP = pathlib.Path("/sys/fs/bpf/xdp")


@contextlib.contextmanager
def libxdp_folder_goes() -> Iterator[None]:
    """If it was not there before, and nobody has put anything into it meanwhile."""
    there = LIBXDP.exists()
    try:
        yield
    finally:
        if not there:
            with contextlib.suppress(OSError):
                LIBXDP.rmdir()
