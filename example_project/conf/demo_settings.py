"""The same project with its clocks shortened: no declaration changes, only how often it fires."""

from __future__ import annotations

from conf.settings import *  # noqa: F403
from conf.settings import RECURRING_JOBS as DECLARED
from recurring_jobs import Every

RECURRING_JOBS = {
    **DECLARED,
    "OVERRIDES": {
        "Generate recurring tasks": {"trigger": Every(seconds=5)},
        "cleanup-expired-credit-holds": {"trigger": Every(seconds=7)},
        "Send Appointment Reminders": {"trigger": Every(seconds=9)},
        "Cleanup Old Notifications": {"trigger": Every(seconds=11)},
        "Check endpoints": {"trigger": Every(seconds=15)},
        "Recompute all discounts": {"trigger": Every(seconds=13)},
        "Cleanup expired discounts": {"trigger": Every(seconds=17)},
        "Update price history": {"trigger": Every(seconds=19)},
    },
    "RETRY": {"retry_backoff": 1, "retry_backoff_max": 3},
}
