"""rest - requests to a running twinpath over its Unix socket (docs/rest.md)."""

import http.client
import json
import pathlib
import socket
import struct
import typing

from shell import Failed

PATIENCE_S = 30

Document = dict[str, typing.Any]


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: pathlib.Path) -> None:
        super().__init__("twinpath", timeout=PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(str(self._path))


def get(path: pathlib.Path, target: str) -> Document:
    connection = _UnixConnection(path)
    try:
        connection.request("GET", target)
        response = connection.getresponse()
        body = response.read()
    except OSError as error:
        raise Failed(f"{target}: {error}") from error
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise Failed(f"{target}: {response.status} {body.decode(errors='replace').strip()}")
    document: Document = json.loads(body)
    return document


def listener(path: pathlib.Path) -> int:
    """PID of the process that listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(str(path))
        pid: int = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        return pid
