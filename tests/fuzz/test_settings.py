"""Whatever stands in the settings, the checks answer with sentences and never with a traceback."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.checks import run_checks
from django.test import override_settings
from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from hypothesis import strategies as st

from recurring_jobs import Cron, Every, checks
from recurring_jobs.conf import KEYS
from recurring_jobs.periodic.declarations import OPTIONS
from recurring_jobs.periodic.registry import collect_declarations
from tests.examples import examples

pytestmark = pytest.mark.django_db

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=5)
    | st.timedeltas()
    | st.datetimes()
    | st.sampled_from(["*", "host.add", "Europe/Paris", "all", "skip", "@daily", "0 9 * * *", {}])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)
TRIGGERS = st.sampled_from([Cron("0 9 * * *"), Every(hours=1), timedelta(hours=1), 60]) | ANYTHING
ENTRIES = st.dictionaries(
    st.sampled_from([*OPTIONS, "task", "trigger", "schedule", "timezone", "unknown"]),
    TRIGGERS,
    max_size=5,
)
USUAL = budget(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@USUAL
@given(value=st.dictionaries(st.sampled_from(sorted(KEYS)) | st.text(max_size=9), ANYTHING))
def test_any_setting_gets_sentences(value):
    """
    Whatever the keys hold, each check returns messages.
    """
    with override_settings(RECURRING_JOBS=value):
        messages = run_checks(tags=[checks.TAG], include_deployment_checks=True)

    assert all(message.msg and message.hint for message in messages)


@USUAL
@given(schedule=st.dictionaries(st.text(max_size=9) | st.integers(), ENTRIES | ANYTHING))
def test_any_schedule_gets_declarations_and_problems(schedule):
    """
    Each entry is a declaration, or named in a problem.
    """
    with override_settings(RECURRING_JOBS={"SCHEDULE": schedule}):
        declarations, problems = collect_declarations()

    assert len(declarations) + len(problems) >= len(schedule)
    assert all(str(problem) for problem in problems)
