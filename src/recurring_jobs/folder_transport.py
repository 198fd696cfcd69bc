"""Kombu's transport over folders, mended: no file of it is ever seen half-written."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from time import time_ns
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from kombu.exceptions import ChannelError
from kombu.transport import filesystem
from kombu.utils.json import dumps, loads

if TYPE_CHECKING:
    from collections.abc import Iterator

Binding = filesystem.exchange_queue_t


class Channel(filesystem.Channel):
    """
    Puts each message, and each table of bindings, in place as a whole.

    Kombu opens a file and then writes it, so another process may take a message or read
    a table while it is still empty: the message is lost, or the process ends with an error.
    """

    # Kombu's two parents name the second argument differently.
    def _put(self, queue: str, payload: Any, **_: Any) -> None:  # type: ignore[override]
        name = f"{time_ns() // 1_000_000:015}_{uuid4()}.{queue}.msg"
        _write(Path(self.data_folder_out) / name, dumps(payload))

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:  # noqa: ARG002
        for name in sorted(path.name for path in Path(self.data_folder_in).iterdir()):
            if name.partition(".")[2] != f"{queue}.msg":
                continue
            taken = Path(self.processed_folder) / name
            try:
                Path(self.data_folder_in, name).rename(taken)
            except FileNotFoundError:
                continue  # Another worker was faster.
            text = taken.read_text()
            taken.unlink()
            message: dict[str, Any] = loads(text)
            return message
        raise Empty

    def get_table(self, exchange: str) -> list[Any]:
        """Return what is bound to *exchange*."""
        try:
            rows = loads(self._table(exchange).read_text())
        except FileNotFoundError:
            return []
        return [Binding(*row) for row in rows]

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str | None, queue: str) -> None:
        binding = Binding(routing_key or "", pattern or "", queue or "")
        with self._changed(exchange) as bindings:
            if binding not in bindings:
                bindings.insert(0, binding)

    def _delete(
        self, queue: str, exchange: str, routing_key: str, pattern: str, *_: Any, **__: Any
    ) -> None:
        self._purge(queue)
        binding = Binding(routing_key or "", pattern or "", queue or "")
        with self._changed(exchange) as bindings:
            if binding in bindings:
                bindings.remove(binding)

    @contextmanager
    def _changed(self, exchange: str) -> Iterator[list[Any]]:
        table = self._table(exchange)
        with table.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            bindings = self.get_table(exchange)
            yield bindings
            _write(table, dumps(bindings))

    def _table(self, exchange: str) -> Path:
        if exchange != Path(exchange).name:
            message = f"The exchange name {exchange!r} cannot be part of a file name."
            raise ChannelError(message)
        return Path(self.control_folder) / f"{exchange}.exchange"


class Transport(filesystem.Transport):
    """Kombu's transport over folders, with the channel above."""

    Channel = Channel


def _write(file: Path, text: str) -> None:
    """Make *file* appear with all of its text at once."""
    part = file.with_name(f".{file.name}.{uuid4()}.part")
    part.write_text(text)
    part.replace(file)
