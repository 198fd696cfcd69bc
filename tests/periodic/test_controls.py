from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from recurring_jobs.exceptions import BackfillTooLongError, NotFiredError
from recurring_jobs.models import Fire, Schedule
from recurring_jobs.periodic import claiming, controls, dispatch, upcoming
from tests.host.tasks import add

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def schedule() -> Schedule:
    """A schedule of each day at nine."""
    crontab = CrontabSchedule.objects.create(minute="0", hour="9", timezone="UTC")
    PeriodicTask.objects.create(name="report", task="host.report", crontab=crontab)
    upcoming.refresh(now=timezone.now(), using="default")
    return Schedule.objects.get()


def test_pause_says_why_and_resume_goes_on_from_now(schedule):
    """
    A paused schedule has no next fire, and other tools see it disabled; then all is as before.
    """
    first = schedule.next_fire_at

    controls.pause(schedule, reason="The API is down.", by="ada")
    paused = (schedule.is_paused, schedule.next_fire_at, schedule.pause_reason, schedule.paused_by)
    enabled = PeriodicTask.objects.get().enabled
    controls.resume(schedule)

    assert paused == (True, None, "The API is down.", "ada")
    assert not enabled
    assert (schedule.is_paused, schedule.next_fire_at, schedule.pause_reason) == (False, first, "")
    assert PeriodicTask.objects.get().enabled


def test_pause_with_an_end_ends_by_itself(schedule):
    """
    Times within the pause are not caught up; the first one after its end fires.
    """
    until = timezone.now() + 3 * DAY
    controls.pause(schedule, until=until)
    upcoming.apply_changes(now=timezone.now(), using="default", limit=9)
    schedule.refresh_from_db()
    following = schedule.next_fire_at

    assert claiming.claim_due(now=until, using="default", limit=9).fires == []
    fires = claiming.claim_due(now=following, using="default", limit=9).fires

    assert until <= following < until + DAY
    assert [fire.nominal_at for fire in fires] == [following]
    schedule.refresh_from_db()
    assert not schedule.is_paused
    assert PeriodicTask.objects.get().enabled


def test_task_enabled_in_another_tool_is_resumed(schedule):
    """
    Who enables the periodic task in django-celery-beat's admin ends the pause.
    """
    controls.pause(schedule, reason="The API is down.")

    PeriodicTask.objects.update(enabled=True)
    upcoming.apply_changes(now=timezone.now(), using="default", limit=9)

    schedule.refresh_from_db()
    assert not schedule.is_paused
    assert schedule.next_fire_at is not None


def test_skipped_fire_is_not_skipped_twice(schedule):
    """Whoever resumes after a skip has the skipped time next again; the next skip is another."""
    first = controls.skip_next(schedule)
    controls.resume(schedule)

    second = controls.skip_next(schedule)

    assert schedule.next_fire_at > second.nominal_at > first.nominal_at
    schedule.refresh_from_db()
    assert (schedule.skipped_count, Fire.objects.count()) == (2, 2)


def test_next_fire_is_skipped_on_record(schedule):
    """
    The next time is left out with the name of the person, and the one after it follows.
    """
    first = schedule.next_fire_at

    fire = controls.skip_next(schedule, by="ada")

    assert (fire.nominal_at, fire.state, fire.reason) == (first, "skipped", "Skipped by ada.")
    assert (schedule.next_fire_at, schedule.skipped_count) == (first + DAY, 1)


def test_run_now_may_wait_for_the_running_one(schedule):
    """
    With an overlap choice, run now leaves the fire to the beats, and the next fire as it is.
    """
    first = schedule.next_fire_at

    fire = controls.fire_now(schedule, overlap="skip")

    assert (fire.state, fire.kind) == ("waiting", "manual")
    held = dispatch.dispatch_due(now=timezone.now(), using="default", limit=9)
    assert held.fires == [fire]
    schedule.refresh_from_db()
    assert schedule.next_fire_at == first


def test_backfill_is_shown_first_and_safe_to_repeat(schedule):
    """
    The preview names the times; a second backfill of them, and of one more, makes one fire.
    """
    times = controls.backfill_times(schedule, MARCH, MARCH + 3 * DAY)

    first = controls.backfill(schedule, MARCH, MARCH + 3 * DAY, every=timedelta(minutes=1))
    second = controls.backfill(schedule, MARCH, MARCH + 4 * DAY)

    nine = MARCH + timedelta(hours=9)
    assert times == [nine, nine + DAY, nine + 2 * DAY]
    assert [fire.nominal_at for fire in first] == times
    assert [fire.nominal_at for fire in second] == [nine + 3 * DAY]
    assert {fire.kind for fire in Fire.objects.all()} == {"backfill"}
    assert first[2].due_at - first[0].due_at == timedelta(minutes=2)


def test_backfill_is_safe_to_repeat_under_another_name(schedule):
    """
    A schedule that was renamed since makes no second fire of a time that was backfilled.
    """
    controls.backfill(schedule, MARCH, MARCH + 3 * DAY)
    PeriodicTask.objects.update(name="another name")

    assert controls.backfill(schedule, MARCH, MARCH + 3 * DAY) == []


def test_backfill_over_too_much_is_refused(schedule):
    """
    A range with more times than allowed makes no fire, and the error says what to do.
    """
    with pytest.raises(BackfillTooLongError) as caught:
        controls.backfill(schedule, MARCH, MARCH + 30 * DAY, most=10)

    assert str(caught.value) == (
        "Between these times 'report' has more than 10 nominal times."
        " Choose a shorter range, or pass most=."
    )
    assert not Fire.objects.exists()


def test_schedule_whose_task_does_not_take_its_arguments_is_not_fired(schedule):
    """
    Fired by hand with arguments that the task cannot take, a schedule says so, and leaves
    no fire behind that beats would send again and again.
    """
    PeriodicTask.objects.update(task=add.name, args="[1]")

    with pytest.raises(NotFiredError, match="right"):
        controls.fire_now(schedule)

    assert not Fire.objects.exists()


@pytest.mark.parametrize("given", [{}, {"kwargs": {"left": 1}}], ids=["as stored", "in part"])
def test_schedule_whose_arguments_cannot_be_read_is_not_fired(schedule, given):
    """
    Fired by hand with arguments that are no JSON, a schedule says so, and leaves no fire
    behind that a beat would refuse later.
    """
    PeriodicTask.objects.update(task=add.name, args="[1")

    with pytest.raises(NotFiredError) as refused:
        controls.fire_now(schedule, **given)

    assert str(refused.value) == (
        "'report' was not fired: its arguments cannot be read (Expecting ',' delimiter:"
        " line 1 column 3 (char 2)). Correct its arguments."
    )
    assert not Fire.objects.exists()


def test_fire_that_waits_keeps_arguments_of_its_own(schedule):
    """
    A beat that starts it later sends those, and not the schedule's.
    """
    fire = controls.fire_now(schedule, overlap="skip", kwargs={"days": 30})

    fire.refresh_from_db()
    assert fire.arguments == {"args": [], "kwargs": {"days": 30}}
