"""The broker that needs no server: messages as files in a folder, for development and tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def development_broker(base_dir: str | Path) -> tuple[str, dict[str, Any]]:
    """
    Return broker URL and transport options of a broker kept in files below *base_dir*.

    Write in ``settings.py``::

        CELERY_BROKER_URL, CELERY_BROKER_TRANSPORT_OPTIONS = development_broker(BASE_DIR)

    Worker, beat and web server find each other when they share the folder
    ``<base_dir>/.celery-broker``, which is made when it is missing. Raise OSError
    where it cannot be made. Not for production: a worker that is killed loses the
    messages it had taken.

    From then on ``filesystem://`` in this process is kombu's transport with its races
    mended (``recurring_jobs.folder_transport``): on kombu's own, messages get lost where
    several processes work at once.
    """
    from kombu.transport import TRANSPORT_ALIASES

    TRANSPORT_ALIASES["filesystem"] = "recurring_jobs.folder_transport:Transport"
    folder = Path(base_dir).resolve() / ".celery-broker"
    queue, processed, control = (folder / name for name in ("queue", "processed", "control"))
    for path in (queue, processed, control):
        path.mkdir(parents=True, exist_ok=True)
    return "filesystem://localhost/", {
        "data_folder_in": str(queue),
        "data_folder_out": str(queue),
        "processed_folder": str(processed),
        "control_folder": str(control),
        "store_processed": False,
        "polling_interval": 0.1,
    }
