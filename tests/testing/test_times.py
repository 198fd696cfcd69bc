"""At which times a declaration fires."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from celery import shared_task

from recurring_jobs import Cron, Every, periodic_task
from recurring_jobs.exceptions import UnknownDeclarationError
from recurring_jobs.periodic.registry import no_declarations
from recurring_jobs.testing import assert_fires, fires_between

MIDNIGHT = datetime(2026, 3, 29, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def nothing_declared():
    """Declarations of one test are not seen by another."""
    with no_declarations():
        yield


@shared_task(name="testing.clean")
def clean():
    """Do nothing, for declarations."""


def test_times_of_a_trigger_from_start_on_and_before_end():
    """
    The start is part of the period and the end is not; times are in the trigger's zone.
    """
    hourly = Cron("0 */12 * * *", timezone="Europe/Paris")

    found = fires_between(hourly, MIDNIGHT - timedelta(hours=1), MIDNIGHT + DAY)

    assert [at.isoformat() for at in found] == [
        "2026-03-29T00:00:00+01:00",
        "2026-03-29T12:00:00+02:00",
        "2026-03-30T00:00:00+02:00",
    ]
    assert fires_between(hourly, found[0], found[-1]) == found[:-1]


def test_trigger_without_a_zone_is_read_in_that_of_the_project():
    """
    As setup_periodic_tasks reads it.
    """
    assert fires_between(Cron("0 9 * * *"), MIDNIGHT, MIDNIGHT + DAY) == [
        MIDNIGHT + timedelta(hours=9)
    ]


def test_task_stands_for_its_declaration():
    """
    A task, its name, and the name of its declaration mean the same.
    """
    periodic_task(Every(hours=12), name="twice a day")(clean)
    expected = [MIDNIGHT, MIDNIGHT + DAY / 2]

    for each in (clean, "testing.clean", "twice a day"):
        assert fires_between(each, MIDNIGHT, MIDNIGHT + DAY) == expected


def test_limits_of_a_declaration_count():
    """
    Nothing fires before its start, nor from its end on, nor more often than it may.
    """
    hourly = Every(hours=1)
    limits = {"start_time": MIDNIGHT + timedelta(hours=2), "end_time": MIDNIGHT + DAY / 4}
    periodic_task(hourly, name="limited", **limits)(clean)
    periodic_task(hourly, name="twice", remaining_fires=2)(clean)

    limited = fires_between("limited", MIDNIGHT, MIDNIGHT + DAY)

    assert [at.hour for at in limited] == [2, 3, 4, 5]
    assert [at.hour for at in fires_between("twice", MIDNIGHT, MIDNIGHT + DAY)] == [0, 1]


def test_unknown_and_ambiguous_declarations_are_named():
    """
    What is not declared is refused with the nearest name, what is declared twice with both.
    """
    periodic_task(Every(hours=1), name="hourly")(clean)
    periodic_task(Every(days=1), name="daily")(clean)

    with pytest.raises(UnknownDeclarationError, match="Did you mean 'hourly'"):
        fires_between("hourli", MIDNIGHT, MIDNIGHT + DAY)
    with pytest.raises(UnknownDeclarationError, match="'daily', 'hourly'"):
        fires_between(clean, MIDNIGHT, MIDNIGHT + DAY)


def test_assertion_names_what_is_missing_and_what_is_too_many():
    """
    The failure lists the times that differ, in the zone of the trigger.
    """
    trigger = Cron("30 2 * * *", timezone="Europe/Paris")
    gap = datetime.fromisoformat("2026-03-29T03:30+02:00")
    assert_fires(trigger, between=(MIDNIGHT, MIDNIGHT + DAY), at=[gap])

    with pytest.raises(AssertionError) as caught:
        assert_fires(trigger, between=(MIDNIGHT, MIDNIGHT + DAY), at=[MIDNIGHT])

    assert str(caught.value) == (
        f"{trigger} fires at other times:\n"
        "- not at 2026-03-29 01:00:00+01:00\n"
        "- also at 2026-03-29 03:30:00+02:00"
    )
