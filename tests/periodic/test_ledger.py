from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
)

from recurring_jobs.models import Fire, Schedule
from recurring_jobs.periodic import claiming, dispatch, ledger, upcoming

pytestmark = pytest.mark.django_db

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
DEFAULT = {"using": "default"}


def daily(name: str = "report", **fields) -> PeriodicTask:
    """Store a hand-made daily task at 09:00 UTC."""
    crontab, _ = CrontabSchedule.objects.get_or_create(minute="0", hour="9", timezone="UTC")
    return PeriodicTask.objects.create(name=name, task="host.report", crontab=crontab, **fields)


def schedule_of(task: PeriodicTask) -> Schedule:
    return Schedule.objects.get(periodic_task=task)


def claim(now: datetime, limit: int = 100) -> list[tuple[datetime, str]]:
    claims = claiming.claim_due(now=now, limit=limit, **DEFAULT)
    return [(fire.nominal_at, fire.state) for fire in claims.fires]


def test_refresh_gives_a_hand_made_task_its_next_fire():
    """
    A task made in the admin gets a schedule row with the next time after now, none before.
    """
    task = daily()

    changed = upcoming.refresh(now=NINE + timedelta(hours=1), **DEFAULT)

    assert changed == 1
    assert schedule_of(task).next_fire_at == NINE + timedelta(days=1)
    assert upcoming.refresh(now=NINE + timedelta(hours=1), **DEFAULT) == 0


def test_due_fire_is_claimed_once_and_the_schedule_moves_on():
    """
    A second look at the same moment, as by another beat, finds nothing left to claim.
    """
    task = daily()
    upcoming.refresh(now=NINE - timedelta(hours=1), **DEFAULT)

    first, second = claim(NINE), claim(NINE)

    assert first == [(NINE, "claimed")]
    assert second == []
    assert schedule_of(task).next_fire_at == NINE + timedelta(days=1)
    task.refresh_from_db()
    assert (task.last_run_at, task.total_run_count) == (NINE, 1)


def test_fire_that_is_on_record_is_not_claimed_again():
    """
    When next_fire_at is set back by hand, the unique row still keeps the fire from doubling.
    """
    task = daily()
    upcoming.refresh(now=NINE - timedelta(hours=1), **DEFAULT)
    claim(NINE)
    Schedule.objects.filter(periodic_task=task).update(next_fire_at=NINE)

    assert claim(NINE) == []
    assert Fire.objects.count() == 1


def test_fire_is_known_by_another_name_of_its_schedule():
    """
    A schedule that was renamed and set back still does not fire a time twice.
    """
    task = daily()
    upcoming.refresh(now=NINE - timedelta(hours=1), **DEFAULT)
    claim(NINE)
    Schedule.objects.filter(periodic_task=task).update(next_fire_at=NINE)
    PeriodicTask.objects.update(name="another name")

    assert claim(NINE) == []
    assert Fire.objects.count() == 1


def test_task_id_names_the_fire():
    """
    The task id follows from schedule and nominal time, so a second message is the same run.
    """
    daily()
    upcoming.refresh(now=NINE - timedelta(hours=1), **DEFAULT)
    claim(NINE)
    first = Fire.objects.get()
    first_id = first.task_id
    first.delete()
    Schedule.objects.update(next_fire_at=NINE)

    claim(NINE)

    assert Fire.objects.get().task_id == first_id


def test_edit_counts_from_now():
    """
    Another hour set by an operator gives the next fire after now, and none in the past.
    """
    task = daily()
    upcoming.refresh(now=NINE - timedelta(hours=1), **DEFAULT)
    CrontabSchedule.objects.update(hour="6")

    upcoming.refresh(now=NINE - timedelta(hours=1), **DEFAULT)

    assert schedule_of(task).next_fire_at == NINE + timedelta(hours=21)


def test_edit_seen_only_at_the_fire_still_counts():
    """
    An edit that left no mark is noticed before the old time is fired.
    """
    task = daily()
    upcoming.refresh(now=NINE - timedelta(hours=1), **DEFAULT)
    CrontabSchedule.objects.update(hour="10")

    assert claim(NINE) == []
    assert schedule_of(task).next_fire_at == NINE + timedelta(hours=1)


def test_disabled_task_does_not_fire_nor_catch_up():
    """
    Times that pass while a task is disabled are never fired after it is enabled again.
    """
    task = daily()
    upcoming.refresh(now=NINE - timedelta(hours=1), **DEFAULT)
    PeriodicTask.objects.update(enabled=False)

    assert claim(NINE) == []

    PeriodicTask.objects.update(enabled=True)
    upcoming.refresh(now=NINE + timedelta(days=3, hours=1), **DEFAULT)
    assert schedule_of(task).next_fire_at == NINE + timedelta(days=4)
    assert not Fire.objects.exists()


def test_one_off_fires_once_and_is_disabled():
    """
    A one-off task fires at its time and is over, as with the stock scheduler.
    """
    clocked = ClockedSchedule.objects.create(clocked_time=NINE)
    task = PeriodicTask.objects.create(name="once", task="t", clocked=clocked, one_off=True)
    upcoming.refresh(now=NINE - timedelta(hours=1), **DEFAULT)

    assert claim(NINE) == [(NINE, "claimed")]
    assert claim(NINE + timedelta(days=1)) == []
    task.refresh_from_db()
    assert not task.enabled


def test_start_time_is_the_first_possible_fire():
    """
    A task with a start time does not fire before it, and can fire at it.
    """
    task = daily(start_time=NINE + timedelta(days=2))

    upcoming.refresh(now=NINE, **DEFAULT)

    assert schedule_of(task).next_fire_at == NINE + timedelta(days=2)


def test_skipped_misfire_is_on_record():
    """
    Under ``skip`` a late time is not fired, and a row says that it was missed.
    """
    daily()
    upcoming.refresh(now=NINE - timedelta(hours=1), **DEFAULT)
    Schedule.objects.update(misfire="skip")

    assert claim(NINE + timedelta(hours=2)) == []

    fire = Fire.objects.get()
    assert (fire.state, fire.nominal_at, fire.stands_for) == ("missed", NINE, 1)
    assert fire.reason == "Missed while no beat was running (misfire policy: skip)."


def test_unreadable_schedule_is_set_aside_and_others_fire():
    """
    A row that cannot be read gets its reason and keeps nobody else from firing.
    """
    daily("good")
    bad = daily("bad")
    upcoming.refresh(now=NINE - timedelta(hours=1), **DEFAULT)
    PeriodicTask.objects.filter(pk=bad.pk).update(crontab=None)

    assert claim(NINE) == [(NINE, "claimed")]

    assert "bad" in schedule_of(bad).set_aside_reason
    assert schedule_of(bad).next_fire_at is None


def test_batch_that_is_full_says_so():
    """
    When more is due than one batch takes, the caller is told to come again at once.
    """
    for number in range(3):
        daily(f"report-{number}")
    upcoming.refresh(now=NINE - timedelta(hours=1), **DEFAULT)

    first = claiming.claim_due(now=NINE, limit=2, **DEFAULT)
    second = claiming.claim_due(now=NINE, limit=2, **DEFAULT)

    assert (len(first.fires), first.is_full) == (2, True)
    assert (len(second.fires), second.is_full) == (1, False)


def test_claims_of_a_dead_publisher_are_found_again():
    """
    A claim that stays unpublished is stale after the given age; a published one never is.
    """
    interval = IntervalSchedule.objects.create(every=1, period="hours")
    PeriodicTask.objects.create(name="hourly", task="t", interval=interval)
    daily()
    upcoming.refresh(now=NINE - timedelta(minutes=30), **DEFAULT)
    fires = claiming.claim_due(now=NINE, limit=10, **DEFAULT).fires
    ledger.mark_published(fires[:1], now=NINE, **DEFAULT)

    soon = claiming.overdue(now=NINE + timedelta(seconds=9), limit=9, **DEFAULT)
    later = claiming.overdue(now=NINE + timedelta(seconds=11), limit=9, **DEFAULT)
    at_once = claiming.overdue(now=NINE + timedelta(seconds=11), limit=9, **DEFAULT)

    assert soon.fires == []
    assert later.fires == fires[1:]
    assert at_once.fires == []  # another beat has them in hand


def test_jitter_moves_the_start_and_not_the_nominal_time():
    """
    A fire with jitter is on record at its nominal time, and waits for its own moment.
    """
    daily()
    upcoming.refresh(now=NINE - timedelta(hours=1), **DEFAULT)
    Schedule.objects.update(jitter=timedelta(minutes=10))

    assert claim(NINE) == []

    fire = Fire.objects.get()
    assert (fire.state, fire.nominal_at) == ("waiting", NINE)
    assert NINE < fire.due_at < NINE + timedelta(minutes=10)
    assert dispatch.dispatch_due(now=fire.due_at, limit=9, **DEFAULT).fires == [fire]


def test_remaining_fires_count_down_to_the_end():
    """
    A schedule with two fires left takes two, is over, and is disabled.
    """
    task = daily()
    upcoming.refresh(now=NINE - timedelta(hours=1), **DEFAULT)
    Schedule.objects.update(remaining_fires=2)

    for day in range(4):
        claim(NINE + timedelta(days=day))

    assert Fire.objects.count() == 2
    task.refresh_from_db()
    assert not task.enabled
    schedule = schedule_of(task)
    assert (schedule.remaining_fires, schedule.next_fire_at, schedule.taken_count) == (0, None, 2)


def test_counters_tell_what_became_of_nominal_times():
    """
    A schedule counts what was taken and, each nominal time by itself, what was missed.
    """
    task = daily()
    upcoming.refresh(now=NINE - timedelta(hours=1), **DEFAULT)
    claim(NINE)

    claim(NINE + timedelta(days=5, minutes=30))

    schedule = schedule_of(task)
    assert (schedule.taken_count, schedule.missed_count) == (2, 4)


def test_old_records_are_forgotten_and_open_ones_kept(settings):
    """
    Fires older than KEEP_FIRES go, however they ended; one that is not done stays.
    """
    settings.RECURRING_JOBS = {"KEEP_FIRES": timedelta(days=10)}
    daily()
    upcoming.refresh(now=NINE - timedelta(hours=1), **DEFAULT)
    for day in range(4):
        claim(NINE + timedelta(days=day))
    kept, *others = Fire.objects.order_by("nominal_at")
    ledger.mark_published(others, now=NINE, **DEFAULT)

    deleted = ledger.forget(now=NINE + timedelta(days=12), **DEFAULT)

    assert deleted == 1
    assert list(Fire.objects.order_by("nominal_at")) == [kept, *others[1:]]
