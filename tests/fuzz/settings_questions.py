"""What is asked of settings: sentences, whatever stands in them."""

from __future__ import annotations

import json

from django.core.checks import run_checks
from django.test import override_settings

from recurring_jobs import checks
from recurring_jobs.periodic.registry import collect_declarations


def check(data: bytes) -> None:
    """Read *data* as JSON, and let it stand as ``RECURRING_JOBS``."""
    try:
        value = json.loads(data)
    except ValueError:
        return
    with override_settings(RECURRING_JOBS=value):
        messages = run_checks(tags=[checks.TAG])
        if not messages:
            collect_declarations()
    assert all(message.msg and message.hint for message in messages), value
