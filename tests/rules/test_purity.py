"""The engine stands alone: neither Django nor Celery nor dateutil is needed to use it."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"django", "celery", "kombu", "dateutil", "billiard", "vine"}:
            raise ImportError(f"{name} is not installed")

sys.meta_path.insert(0, Refused())
from datetime import datetime, UTC
from recurring_jobs.rules import Rule, crontab_rule
rule = Rule.parse("FREQ=MONTHLY;BYDAY=-1FR;COUNT=2")
start = datetime(2026, 1, 1, 9, tzinfo=UTC)
print(*(f"{at:%d.%m.}" for at in rule.occurrences(start)), rule.describe())
print(crontab_rule("0", "9"))
"""


def test_import_without_django_and_celery():
    """Rules are read, expanded and described where nothing but Python is installed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CODE], capture_output=True, text=True, check=False
    )

    assert (done.stderr, done.stdout) == (
        "",
        "30.01. 27.02. every month on the last Friday, 2 times\n"
        "FREQ=DAILY;BYHOUR=9;BYMINUTE=0;BYSECOND=0\n",
    )
