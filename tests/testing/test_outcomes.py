"""Questions of tests: was it retried, has it given up, which rows were made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import TestCase

from recurring_jobs.exceptions import GiveUp
from recurring_jobs.models import DeadLetter
from recurring_jobs.testing import (
    RecurringJobsTestMixin,
    assert_dead_letter,
    assert_retried,
    generate_now,
)
from tests.host.models import Course, Todo
from tests.host.tasks import add, always_fails, gives_up, recovers

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_retries_are_seen_where_a_task_is_applied():
    """
    What was retried is yielded: which attempt, how long it waits, and why.
    """
    with assert_retried(recovers, times=2) as retried:
        recovers.apply(args=[2])

    assert [(each.attempt, type(each.exception)) for each in retried] == [
        (1, ConnectionError),
        (2, ConnectionError),
    ]


def test_retries_are_seen_in_the_worker(jobs_worker):
    """
    And by the name of the task as well.
    """
    recovers.delay(1)

    with assert_retried("host.recovers", times=1) as retried:
        jobs_worker.run_until(jobs_worker.clock.now + timedelta(minutes=1))

    assert retried[0].delay == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("failures", "times", "sentence"),
    [
        pytest.param(0, None, "host.recovers was retried never, not at least once.", id="never"),
        pytest.param(
            1,
            2,
            "host.recovers was retried once, not 2 times.\n- attempt 1: ConnectionError('not yet')",
            id="once",
        ),
    ],
)
def test_other_retries_fail_with_what_there_were(failures, times, sentence):
    """
    The failure says how often it was, and why.
    """

    def look() -> None:
        with assert_retried(recovers, times=times):
            add.apply(args=[1, 2])
            recovers.apply(args=[failures])

    with pytest.raises(AssertionError) as caught:
        look()

    assert str(caught.value) == sentence


def test_dead_letter_is_returned():
    """
    The one open letter of the task, if it gave up for this.
    """
    gives_up.apply()

    letter = assert_dead_letter(gives_up, GiveUp)

    assert letter == DeadLetter.objects.get()
    assert assert_dead_letter("host.gives_up", "recurring_jobs.exceptions.GiveUp") == letter


def test_other_letters_fail_with_what_there_are():
    """
    The failure lists the open letters of the task.
    """
    gives_up.apply()

    with pytest.raises(AssertionError) as of_another:
        assert_dead_letter(gives_up, ConnectionError)
    with pytest.raises(AssertionError) as none:
        assert_dead_letter(always_fails)

    assert str(of_another.value) == (
        "host.gives_up has no single open dead letter of ConnectionError, but 1.\n"
        "- recurring_jobs.exceptions.GiveUp: The account is closed."
    )
    assert str(none.value) == "host.always_fails has no single open dead letter, but 0."


def test_rows_made_now_are_returned():
    """
    Those of this call alone, the next one first, by the moment that is given.
    """
    Todo.objects.create(title="a", due_at=MONDAY, recurrence_rule="FREQ=DAILY")

    made = generate_now(Todo, now=MONDAY)

    assert [row.due_at for row in made][:2] == [MONDAY + timedelta(days=n) for n in (1, 2)]
    assert generate_now(Todo, now=MONDAY) == []


def test_rows_are_made_by_the_clock(jobs_clock):
    """
    Without a moment the clock says which.
    """
    jobs_clock.move_to(MONDAY + timedelta(days=100))
    Todo.objects.create(title="a", due_at=MONDAY, recurrence_rule="FREQ=DAILY")

    assert generate_now(Todo)[0].due_at == MONDAY + timedelta(days=101)


def test_rows_of_another_table_are_returned():
    """
    A model of templates gives its occurrences.
    """
    assert generate_now(Course) == []


def test_template_that_cannot_be_read_fails():
    """
    What a pass sets aside, a test hears of.
    """
    row = Todo.objects.create(title="a", due_at=MONDAY, recurrence_rule="FREQ=DAILY")
    Todo.objects.filter(pk=row.pk).update(recurrence_timezone="Mars/Base")

    with pytest.raises(AssertionError, match=r"^Templates were set aside:\n- <Todo.*Mars/Base"):
        generate_now(Todo, now=MONDAY)


class MixinTests(RecurringJobsTestMixin, TestCase):
    """The kit in a test case of Django's."""

    clock_at = MONDAY

    def test_clock_and_worker_are_there(self):
        """
        Both go by the same time, and the assertions have the names that unittest gives.
        """
        always_fails.delay()

        with self.assertRetried(always_fails, times=2):
            self.worker.run_until(MONDAY + timedelta(minutes=1))

        self.assertDeadLetter(always_fails, ConnectionError)
        self.assertLedgerIsSound()
        assert self.clock.now == MONDAY + timedelta(minutes=1)
