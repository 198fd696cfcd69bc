"""A way to a server that can be cut, or fall silent."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit

_PORTS = {"postgres": 5432, "mysql": 3306, "redis": 6379, "amqp": 5672}
_USERS = {"postgres": "postgres"}


class Proxy:
    """Stands between a process and a database or broker."""

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        self._address = (target.hostname or "127.0.0.1", target.port or _PORTS[target.scheme])
        self._server = socket.create_server(("127.0.0.1", 0))
        self._is_open = True
        self._flows = _open_gate()
        self._frozen: list[threading.Event] = []
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        port = self._server.getsockname()[1]
        user = target.netloc.rpartition("@")[0] or _USERS.get(target.scheme, "")
        place = f"{user}@127.0.0.1:{port}" if user else f"127.0.0.1:{port}"
        self.url = target._replace(netloc=place).geturl()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Cut all connections, and refuse new ones."""
        self._is_open = False
        for pair in tuple(self._pairs):
            _hang_up(pair)

    def silence(self) -> None:
        """Accept connections and keep those there are, and let nothing through."""
        self._flows.clear()

    def freeze(self) -> None:
        """Let nothing through on the connections there are, ever again; new ones work."""
        self._flows.clear()
        self._frozen.append(self._flows)
        self._flows = _open_gate()

    def open(self) -> None:
        """Let everything through again."""
        self._is_open = True
        self._flows.set()

    def end(self) -> None:
        self.close()
        for gate in (*self._frozen, self._flows):
            gate.set()
        # On Linux a close alone does not wake who waits for a connection.
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            if not self._is_open:
                near.close()
                continue
            try:
                far = socket.create_connection(self._address)
            except OSError:  # the server is away
                near.close()
                continue
            self._pairs.append((near, far))
            way = (near, far, self._flows)
            threading.Thread(target=self._carry, args=way, daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket, flows: threading.Event) -> None:
        """Carry both ways until either end hangs up; whoever soaks makes thousands of links."""
        back = threading.Thread(target=_pump, args=(far, near, flows), daemon=True)
        back.start()
        _pump(near, far, flows)
        back.join()
        self._pairs.remove((near, far))
        near.close()
        far.close()


def _pump(source: socket.socket, sink: socket.socket, flows: threading.Event) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            flows.wait()
            sink.sendall(data)
    _hang_up((source, sink))


def _hang_up(pair: tuple[socket.socket, socket.socket]) -> None:
    for end in pair:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _open_gate() -> threading.Event:
    gate = threading.Event()
    gate.set()
    return gate
