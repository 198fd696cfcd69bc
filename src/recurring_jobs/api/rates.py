"""How often a caller may ask."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Final

from django.core.cache import cache

from recurring_jobs.api.problems import Problem
from recurring_jobs.conf import conf

if TYPE_CHECKING:
    from recurring_jobs.api.access import Caller

#: Seconds for which requests are counted together.
WINDOW: Final = 60


def count_request(caller: Caller) -> None:
    """Raise Problem where *caller* has asked more often than API_RATE in this minute."""
    _count(caller.id, conf.api_rate, "requests a minute")


def count_trigger(caller: Caller, task: str) -> None:
    """Raise Problem where *caller* has triggered *task* more often than API_TASK_RATES says."""
    most = conf.api_task_rates.get(task, 0)
    _count(f"{caller.id}\n{task}", most, f"runs of {task} a minute")


def _count(counted: str, most: int, of_what: str) -> None:
    if not most:
        return
    now = time.time()
    # A digest: a cache takes no key with spaces, and a name of a person may have some.
    who = hashlib.sha256(counted.encode()).hexdigest()
    key = f"recurring_jobs:rate:{who}:{int(now // WINDOW)}"
    cache.add(key, 0, timeout=2 * WINDOW)
    try:
        count = cache.incr(key)
    except ValueError:  # A cache that keeps nothing counts nothing.
        return
    if count > most:
        wait = WINDOW - int(now % WINDOW)
        detail = f"This is more than {most} {of_what}. Try again in {wait} seconds."
        raise Problem("too-many-requests", detail, headers={"Retry-After": str(wait)})
