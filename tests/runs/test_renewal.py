"""The thread that renews leases: one lock that cannot be renewed harms no other."""

from __future__ import annotations

import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest

from recurring_jobs.runs.renewal import Renewer


class Held:
    """A lock as the renewer sees it, which says when it is renewed."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.key = SimpleNamespace(task="host.add")
        self.owner = "run-1"
        self.fault = fault
        self.is_renewed = threading.Event()

    def renew(self) -> bool:
        if self.fault is not None:
            raise self.fault
        self.is_renewed.set()
        return True


@pytest.mark.django_db
def test_one_that_cannot_be_renewed_ends_not_the_thread(settings, caplog):
    """
    Whatever is raised for one lock is logged, and the others keep their leases.
    """
    settings.RECURRING_JOBS = {"HEARTBEAT": timedelta(seconds=1)}
    renewer, bad, good = Renewer(), Held(ValueError("no database, and no error of one")), Held()

    renewer.add(bad)
    thread = renewer._thread
    try:
        _wait_until(lambda: "recurring_jobs.lock.not_renewed" in caplog.messages)
        renewer.add(good)
        is_renewed = good.is_renewed.wait(5)
    finally:
        renewer.discard(bad)
        renewer.discard(good)
        thread.join(5)

    assert is_renewed


def _wait_until(is_true) -> None:
    ended = threading.Event()
    for _ in range(100):
        if is_true():
            return
        ended.wait(0.1)
    raise AssertionError("It did not come true within ten seconds.")
