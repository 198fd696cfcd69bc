from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from recurring_jobs.models import Fire, Run, Schedule
from recurring_jobs.periodic import claiming, dispatch, ledger, upcoming

pytestmark = pytest.mark.django_db

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def schedule() -> Schedule:
    """A schedule of every minute, whose first fire is at nine."""
    interval = IntervalSchedule.objects.create(every=1, period="minutes")
    task = PeriodicTask.objects.create(name="report", task="host.report", interval=interval)
    upcoming.refresh(now=NINE - MINUTE / 2, using="default")
    return Schedule.objects.get(periodic_task=task)


def set_policy(schedule: Schedule, **columns) -> None:
    Schedule.objects.filter(pk=schedule.pk).update(**columns)


def tick(now: datetime) -> list[datetime]:
    """Do what a beat does at *now* and return the nominal times that it publishes."""
    claims = claiming.claim_due(now=now, using="default", limit=100)
    held = dispatch.dispatch_due(now=now, using="default", limit=100)
    fires = [*claims.fires, *held.fires]
    ledger.mark_published(fires, now=now, using="default")
    return [fire.nominal_at for fire in fires]


def begin(nominal_at: datetime, state: str = "running") -> Run:
    """Let a worker take up the fire of this time."""
    fire = Fire.objects.get(nominal_at=nominal_at)
    return Run.objects.create(id=fire.task_id, task="host.report", fire=fire, state=state)


def end(run: Run, state: str = "succeeded") -> None:
    Run.objects.filter(pk=run.pk).update(state=state)


def states() -> list[str]:
    return list(Fire.objects.order_by("nominal_at").values_list("state", flat=True))


@pytest.mark.parametrize("state", ["queued", "running", "retrying"])
def test_skip_leaves_out_what_comes_while_a_run_goes_on(schedule, state):
    """
    While a run is at work, or waits to retry, the next fire is skipped, on record and counted.
    """
    set_policy(schedule, overlap="skip", remaining_fires=5)
    assert tick(NINE) == [NINE]
    run = begin(NINE, state)

    assert tick(NINE + MINUTE) == []
    end(run)
    assert tick(NINE + 2 * MINUTE) == [NINE + 2 * MINUTE]

    assert states() == ["published", "skipped", "published"]
    assert Fire.objects.get(state="skipped").reason == "An earlier fire was still running."
    schedule.refresh_from_db()
    assert (schedule.skipped_count, schedule.taken_count, schedule.remaining_fires) == (1, 2, 3)


def test_message_that_no_worker_took_up_counts_for_a_while(schedule, settings):
    """
    A published fire is as good as running; one that was never begun stops counting.
    """
    settings.RECURRING_JOBS = {"BEAT_START_WITHIN": timedelta(seconds=90)}
    set_policy(schedule, overlap="skip")
    tick(NINE)

    assert tick(NINE + MINUTE) == []
    assert tick(NINE + 2 * MINUTE) == [NINE + 2 * MINUTE]


def test_lost_run_frees_the_schedule(schedule):
    """
    A run whose worker was killed stops counting as soon as it is known to be lost.
    """
    set_policy(schedule, overlap="skip")
    tick(NINE)
    end(begin(NINE), "lost")

    assert tick(NINE + MINUTE) == [NINE + MINUTE]


def test_buffered_fire_starts_when_the_one_before_has_ended(schedule):
    """
    One fire waits; it goes out within a second of the end of the running one.
    """
    set_policy(schedule, overlap="buffer_one")
    tick(NINE)
    run = begin(NINE)
    for minute in (1, 2, 3):
        assert tick(NINE + minute * MINUTE) == []
    assert states() == ["published", "buffered", "skipped", "skipped"]

    end(run)
    assert tick(NINE + 3 * MINUTE + timedelta(seconds=1)) == [NINE + MINUTE]


def test_buffer_all_runs_one_after_the_other_in_order(schedule):
    """
    All that waits is started, one at a time, the oldest first.
    """
    set_policy(schedule, overlap="buffer_all")
    tick(NINE)
    run = begin(NINE)
    tick(NINE + MINUTE)
    tick(NINE + 2 * MINUTE)
    Schedule.objects.update(next_fire_at=None)

    started = []
    for second in (1, 2, 3):
        end(run)
        started += tick(NINE + 2 * MINUTE + timedelta(seconds=second))
        run = begin(started[-1]) if second < 3 else run

    assert started == [NINE + MINUTE, NINE + 2 * MINUTE]


@pytest.mark.parametrize("overlap", ["cancel_other", "terminate_other"])
def test_other_run_is_asked_to_stop_and_the_newest_fire_follows(schedule, overlap):
    """
    The running one is told once, the newest fire waits for it to end, and then starts.
    """
    set_policy(schedule, overlap=overlap)
    tick(NINE)
    run = begin(NINE)
    claiming.claim_due(now=NINE + MINUTE, using="default", limit=9)

    first = dispatch.dispatch_due(now=NINE + MINUTE, using="default", limit=9)
    again = dispatch.dispatch_due(
        now=NINE + MINUTE + timedelta(seconds=1), using="default", limit=9
    )
    tick(NINE + 2 * MINUTE)
    end(run, "skipped")

    told = first.cancel if overlap == "cancel_other" else first.terminate
    assert told == [run.pk]
    assert [again.cancel, again.terminate] == [[], []]
    run.refresh_from_db()
    assert run.cancel_requested_at is not None
    assert states() == ["published", "skipped", "buffered"]
    assert tick(NINE + 2 * MINUTE + timedelta(seconds=1)) == [NINE + 2 * MINUTE]


def test_policy_is_that_of_the_moment_of_dispatch(schedule):
    """
    An edit of the policy counts for a fire that is waiting already.
    """
    set_policy(schedule, overlap="buffer_all")
    tick(NINE)
    begin(NINE)
    tick(NINE + MINUTE)

    set_policy(schedule, overlap="allow")

    assert tick(NINE + MINUTE + timedelta(seconds=1)) == [NINE + MINUTE]


def test_allow_starts_beside_the_running_one(schedule):
    """
    With the default nothing is held: a fire goes out in the pass that claims it.
    """
    tick(NINE)
    begin(NINE)

    assert tick(NINE + MINUTE) == [NINE + MINUTE]
    assert states() == ["published", "published"]


def test_backfill_waits_behind_the_fires_of_the_schedule(schedule):
    """
    Among those that wait, the schedule's own fires come before a backfill's older ones.
    """
    set_policy(schedule, overlap="buffer_all")
    tick(NINE)
    run = begin(NINE)
    Fire.objects.create(
        schedule=schedule,
        kind="backfill",
        nominal_at=NINE - timedelta(days=1),
        state="waiting",
        task_id="old",
        due_at=NINE,
    )
    tick(NINE + MINUTE)
    end(run)

    assert tick(NINE + MINUTE + timedelta(seconds=1)) == [NINE + MINUTE]


def test_schedule_pauses_after_failures_in_a_row(schedule):
    """
    When the last two runs failed, the schedule is paused with the reason and fires no more.
    """
    set_policy(schedule, pause_after_failures=2)
    for minute, state in enumerate(["failed", "succeeded", "failed", "lost"]):
        assert tick(NINE + minute * MINUTE) == [NINE + minute * MINUTE]
        begin(NINE + minute * MINUTE, state)

    assert tick(NINE + 4 * MINUTE) == []

    schedule.refresh_from_db()
    assert schedule.pause_reason == "The last 2 runs failed."
    assert not PeriodicTask.objects.get().enabled
    assert schedule.next_fire_at is None


def test_runs_that_were_asked_to_stop_do_not_count(schedule):
    """
    A run that failed after a person had asked it to stop pauses nothing.
    """
    set_policy(schedule, pause_after_failures=1)
    tick(NINE)
    run = begin(NINE, "failed")
    Run.objects.filter(pk=run.pk).update(cancel_requested_at=NINE)

    assert tick(NINE + MINUTE) == [NINE + MINUTE]


def test_failures_from_before_a_resume_do_not_count(schedule):
    """
    After a person has resumed a schedule it takes as many failures again.
    """
    set_policy(schedule, pause_after_failures=1, resumed_at=NINE + MINUTE)
    tick(NINE)
    begin(NINE, "failed")
    Fire.objects.update(claimed_at=F("nominal_at"))

    assert tick(NINE + MINUTE) == [NINE + MINUTE]
