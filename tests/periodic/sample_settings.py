"""Settings of the host project with declarations, some of each kind and many that share rows."""

from __future__ import annotations

from celery.schedules import crontab

from tests.host.settings import *  # noqa: F403  a variant of these settings

CELERY_IMPORTS = ("tests.periodic.sample_tasks",)
CELERY_BEAT_SCHEDULE = {
    "old style": {
        "task": "tests.periodic.sample_tasks.report",
        "schedule": crontab(minute=0, hour=2, day_of_week="sun"),
        "options": {"queue": "maintenance", "priority": 3},
    },
}
RECURRING_JOBS: dict[str, object] = {
    "SCHEDULE": {
        f"shard {number}": {
            "task": "tests.periodic.sample_tasks.clean_up",
            "trigger": f"{number % 5} * * * *",
        }
        for number in range(40)
    }
}
