from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import F
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from recurring_jobs.exceptions import LedgerError
from recurring_jobs.models import Fire, Run, Schedule
from recurring_jobs.periodic import claiming, controls, dispatch, ledger, upcoming
from recurring_jobs.periodic.clock import database_now
from recurring_jobs.testing import check_ledger, ledger_problems

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
#: The fires of the tests lie in the days before today, at nine.
TODAY = datetime.now(tz=UTC).replace(hour=9, minute=0, second=0, microsecond=0) - DAY


def daily(*, at: datetime = TODAY - 9 * DAY, **policies) -> Schedule:
    """Store a daily schedule that has known since *at* that it fires then."""
    crontab, _ = CrontabSchedule.objects.get_or_create(minute="0", hour="9", timezone="UTC")
    task = PeriodicTask.objects.create(name="report", task="host.report", crontab=crontab)
    PeriodicTask.objects.update(date_changed=at - DAY)
    upcoming.apply_changes(now=at - DAY, using="default", limit=9)
    Schedule.objects.update(**policies)
    return Schedule.objects.get(periodic_task=task)


def fire(now: datetime) -> list[Fire]:
    """Claim and publish what is due at *now*."""
    fires = claiming.claim_due(now=now, using="default", limit=9).fires
    fires += dispatch.dispatch_due(now=now, using="default", limit=9).fires
    ledger.mark_published(fires, now=now, using="default")
    return fires


def three_days() -> Schedule:
    """Return a schedule that fired on three days."""
    schedule = daily()
    for day in (9, 8, 7):
        fire(TODAY - day * DAY)
    check_ledger()
    return schedule


def name(day: int, kind: str = "scheduled") -> str:
    """Return what a problem calls the fire of so many days ago."""
    return f"The {kind} fire of 'report' at {(TODAY - day * DAY).isoformat()}"


@pytest.mark.parametrize("misfire", ["latest", "earliest", "all", "skip"])
@pytest.mark.parametrize("overlap", ["allow", "skip", "buffer_all"])
def test_ledger_is_sound_after_outages_whatever_the_policies(misfire, overlap):
    """
    Fires on time, an outage over four days, and fires on time after it leave nothing to say.
    """
    daily(misfire=misfire, overlap=overlap, catchup_window=3 * DAY, max_catchup=2)

    for day in (9, 8, 3.9, 3, 2):
        fire(TODAY - day * DAY)

    assert ledger_problems() == []


def test_ledger_is_sound_after_all_that_a_person_does():
    """
    Skipped, paused, resumed, run now and backfilled: nothing of that is a loss.
    """
    schedule = daily(at=TODAY - 9 * DAY)
    fire(TODAY - 9 * DAY)
    controls.pause(schedule, reason="holidays")
    controls.resume(schedule)
    skipped = controls.skip_next(schedule, by="ada")
    controls.fire_now(schedule, overlap="skip")
    controls.backfill(schedule, TODAY - 5 * DAY, TODAY)
    now = database_now("default")
    for seconds in range(3):
        fire(now + timedelta(seconds=seconds))
    fire(skipped.nominal_at + DAY)

    assert ledger_problems() == []


def test_lost_time_is_found():
    """
    With the record of one day deleted, the time that is missing is named.
    """
    three_days()
    Fire.objects.filter(nominal_at=TODAY - 8 * DAY).delete()
    Schedule.objects.update(taken_count=2)

    with pytest.raises(LedgerError) as error:
        check_ledger()

    problem = (
        f"'report' has 1 nominal times between {(TODAY - 9 * DAY).isoformat()} and"
        f" {(TODAY - 7 * DAY).isoformat()}, and the fires there do not stand for them."
    )
    assert error.value.problems == (problem,)
    assert str(error.value) == f"The ledger is not sound:\n- {problem}"


def test_fire_that_stands_for_too_few_is_found():
    """
    What a caught-up fire stands for is what is missing beside it, no more and no less.
    """
    daily(catchup_window=9 * DAY)
    fire(TODAY - 9 * DAY)
    fire(TODAY - 5 * DAY)
    assert ledger_problems() == []
    Fire.objects.filter(stands_for=4).update(stands_for=3)

    (problem,) = ledger_problems()
    assert problem.startswith("'report' has 3 nominal times between")


def test_times_from_before_an_edit_or_a_resume_are_not_missed():
    """
    What lies before the last edit of the schedule says nothing of losses.
    """
    three_days()
    Fire.objects.filter(nominal_at=TODAY - 8 * DAY).delete()
    Schedule.objects.update(taken_count=2)

    PeriodicTask.objects.update(date_changed=TODAY - 7 * DAY)

    assert ledger_problems() == []


def test_fire_that_no_beat_will_look_at_is_found():
    """
    A claim without a time to look at it again would wait for ever.
    """
    three_days()
    Fire.objects.filter(nominal_at=TODAY - 8 * DAY).update(state="claimed", published_at=None)

    assert ledger_problems() == [f"{name(8)} is claimed, and no beat will look at it."]


def test_fire_that_is_done_and_still_looked_at_is_found():
    """
    A fire that was not run and is due again would keep beats busy.
    """
    three_days()
    Fire.objects.filter(nominal_at=TODAY - 8 * DAY).update(
        state="dropped", due_at=TODAY, published_at=None
    )

    assert f"{name(8)} is dropped, and beats still look at it." in ledger_problems()


def test_fire_that_beats_look_after_is_sound():
    """
    With RESEND_AFTER a published fire is due again, to see whether it was begun.
    """
    three_days()
    Fire.objects.filter(nominal_at=TODAY - 8 * DAY).update(due_at=TODAY)

    assert ledger_problems() == []


def test_fire_published_at_no_time_is_found():
    """
    A published fire says when that was.
    """
    three_days()
    Fire.objects.filter(nominal_at=TODAY - 8 * DAY).update(published_at=None)

    assert ledger_problems() == [f"{name(8)} is published, and nothing says when."]


def test_skipped_fire_that_was_published_is_found():
    """
    What was not to be run was never sent.
    """
    three_days()
    Fire.objects.filter(nominal_at=TODAY - 8 * DAY).update(state="skipped")
    Schedule.objects.update(taken_count=2, skipped_count=1)

    assert ledger_problems() == [f"{name(8)} is skipped, and was published."]


def test_run_of_a_fire_that_was_not_to_be_run_is_found():
    """
    A worker ran what the ledger says was missed.
    """
    three_days()
    found = Fire.objects.filter(nominal_at=TODAY - 8 * DAY)
    found.update(state="missed", published_at=None)
    Schedule.objects.update(taken_count=2, missed_count=1)
    Run.objects.create(pk=found.get().task_id, task="host.report", fire=found.get())

    assert ledger_problems() == [f"{name(8)} is missed, and was run."]


def test_second_run_of_one_fire_is_found():
    """
    A fire has one run, whose id is its own.
    """
    three_days()
    found = Fire.objects.get(nominal_at=TODAY - 8 * DAY)
    Run.objects.create(pk=found.task_id, task="host.report", fire=found)
    assert ledger_problems() == []

    Run.objects.create(pk="another", task="host.report", fire=found)

    assert ledger_problems() == [f"{name(8)} has a run with another task id than its own."]


def test_fire_before_its_time_is_found():
    """
    A beat whose clock is ahead must not fire what is not due.
    """
    three_days()
    found = Fire.objects.filter(nominal_at=TODAY - 7 * DAY)
    found.update(claimed_at=F("nominal_at") - timedelta(seconds=1))

    assert ledger_problems() == [f"{name(7)} is published, and was claimed before its time."]


def test_next_fire_that_was_fired_before_is_found():
    """
    A schedule that was not moved on would fire a time twice.
    """
    three_days()
    Schedule.objects.update(next_fire_at=TODAY - 7 * DAY)

    at = f"{TODAY - 7 * DAY:%Y-%m-%dT%H:%M:%S%z}"
    assert ledger_problems() == [
        f"'report' fires next at {at}, and has later fires on record.",
    ]


@pytest.mark.parametrize(
    ("what", "rows"), [("taken", 3), ("missed", 0), ("skipped", 0), ("dropped", 0)]
)
def test_wrong_counter_is_found(what, rows):
    """
    A counter that says more than the rows is wrong, unless rows were deleted since.
    """
    three_days()
    Schedule.objects.update(**{f"{what}_count": rows + 2})

    assert ledger_problems() == [
        f"'report' counts {rows + 2} fires {what}, and {rows} are on record."
    ]
    assert ledger_problems(pruned=True) == []


def test_counter_below_the_rows_is_always_wrong():
    """
    That rows were deleted explains too large a counter, not one that is too small.
    """
    three_days()
    Schedule.objects.update(taken_count=2)

    assert ledger_problems(pruned=True) == ["'report' counts 2 fires taken, and 3 are on record."]


@pytest.mark.django_db(transaction=True)
def test_doubled_fire_is_found(monkeypatch):
    """
    Where the constraint was lost, as by a restore, a fire that is there twice is named.
    """
    three_days()
    (once,) = Fire._meta.constraints
    with monkeypatch.context() as meanwhile, connection.schema_editor() as editor:
        meanwhile.setattr(Fire._meta, "constraints", [])
        editor.remove_constraint(Fire, once)
    try:
        doubled = Fire.objects.get(nominal_at=TODAY - 8 * DAY)
        doubled.pk, doubled.task_id = None, "another"
        doubled.save()
        Schedule.objects.update(taken_count=4)

        found = ledger_problems()
    finally:
        Fire.objects.all().delete()
        with connection.schema_editor() as editor:
            editor.add_constraint(Fire, once)

    assert f"{name(8)} is on record 2 times." in found
