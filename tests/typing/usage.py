"""
How users write it, read by a type checker and never run.

``assert_type`` says what they get; an error here means that their code has one. mypy and
pyright read it; what only mypy can know stands in usage_of_fields.py.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, assert_type
from zoneinfo import ZoneInfo

from celery import shared_task
from django.db import models
from django.test import TestCase

from recurring_jobs import (
    At,
    BaseTaskWithRetry,
    Cron,
    Every,
    GiveUp,
    RetryLater,
    RRule,
    Solar,
    development_broker,
    periodic_task,
)
from recurring_jobs.models import (
    DeadLetter,
    Fire,
    RecurringModelMixin,
    Run,
    Schedule,
    change_rule,
    end,
    reschedule,
    skip,
    split,
    unskip,
)
from recurring_jobs.recurrence.calendar import CalendarEntry, to_ics
from recurring_jobs.recurrence.calendar_import import rule_from_ics
from recurring_jobs.recurrence.feeds import RecurrenceFeedView
from recurring_jobs.recurrence.forms import RecurrenceRuleFormField
from recurring_jobs.recurrence.occurrences import GenerationReport, generate_occurrences
from recurring_jobs.rules import Occurrence, Rule
from recurring_jobs.runs.dead_letters import discard, requeue
from recurring_jobs.testing import (
    Attempt,
    Clock,
    RecurringJobsTestMixin,
    Worker,
    assert_dead_letter,
    assert_fires,
    assert_retried,
    check_ledger,
    fires_between,
    generate_now,
    run_until,
)
from tests.host.models import Course, Event, Lesson

# Settings

broker_url, transport_options = development_broker("/srv/site")
assert_type(broker_url, str)
assert_type(transport_options, dict[str, Any])

# Declarations

paris = Cron("0 9 * * mon-fri", timezone="Europe/Paris")
quarter = Every(minutes=15)
payday = RRule("FREQ=MONTHLY;BYDAY=-1FR", start="2026-01-30T17:00:00", timezone="Europe/Paris")
party = At(datetime(2027, 1, 1, tzinfo=UTC))
dusk = Solar("sunset", 48.85, 2.35)
assert_type(paris.next_after(datetime.now(UTC)), datetime | None)
assert_type(quarter.describe(), str)


@periodic_task(paris, name="Send reminders", queue="mail", expires=timedelta(hours=1))
@shared_task(base=BaseTaskWithRetry)
def send_reminders() -> int:
    """A declaration above the task."""
    return 0


@periodic_task(Every(hours=3))
def plain_function(days: int = 30) -> dict[str, int]:
    """The decorator gives back what it got."""
    return {"days": days}


assert_type(plain_function(days=7), dict[str, int])


# Tasks


class MailTask(BaseTaskWithRetry):
    """A family of tasks with defaults of its own."""

    abstract = True
    autoretry_for = (ConnectionError,)
    dont_autoretry_for = (KeyError,)
    retry_kwargs = {"max_retries": 3}
    retry_backoff = 2
    retry_backoff_max = 60
    retry_jitter = True
    tracked = True
    triggerable = True
    sensitive = ("password",)


def deliver(address: str) -> None:
    """What the task is about."""


@shared_task(bind=True, base=MailTask)
def send_mail(self: MailTask, address: str) -> None:
    """Give up, wait as asked, or retry by hand."""
    if "@" not in address:
        raise GiveUp("This is no address.")
    try:
        deliver(address)
    except TimeoutError as error:
        raise RetryLater(timedelta(minutes=5), "They asked us to.") from error
    except OSError as error:
        raise self.retry(exc=error) from error


# Rows that repeat


class Task(RecurringModelMixin):
    """A recurring model of a host project."""

    title = models.CharField(max_length=200)
    due_at = models.DateTimeField()

    class Meta(RecurringModelMixin.Meta):
        app_label = "host"

    class Recurrence:
        start = "due_at"
        ahead = 5

    def __str__(self) -> str:
        return self.title

    def build_occurrence(self, occurrence: Occurrence, at: datetime | date) -> Task:
        row = super().build_occurrence(occurrence, at)
        row.title = f"{self.title} {occurrence.nominal}"
        return row


def edit_series(course: Course, lesson: Lesson, now: datetime) -> None:
    """The six edits of a series, on two tables; a split gives a template of the same class."""
    skip(lesson)
    unskip(course, "20260302T090000", now=now)
    reschedule(lesson, now)
    assert_type(split(course, lesson, now=now, title="From here on"), Course)
    assert_type(change_rule(course, Rule.parse("FREQ=WEEKLY")), GenerationReport)
    assert_type(end(course, date(2026, 12, 31)), GenerationReport)


def use_layouts(event: Event, course: Course, lesson: Lesson) -> None:
    """What the rows of each kind can be asked, and their managers."""
    moment = datetime.now(UTC)
    assert_type(event.occurrences_between(moment, moment), list[datetime | date])
    assert_type(event.local_start, datetime | date | None)
    assert_type(Event.objects.templates().get(), Event)
    assert_type(Course.objects.templates().due().get(), Course)
    assert_type(Course.objects.filter(title="").set_aside().get(), Course)
    assert_type(Lesson.objects.filter(title="").upcoming().get(), Lesson)
    assert_type(Task.objects.due().filter(title="").upcoming(moment).get(), Task)
    assert_type(generate_occurrences(Course), GenerationReport)


def use_rows(task: Task) -> None:
    """What a template can be asked."""
    assert_type(task.next_occurrence(), datetime | date | None)
    assert_type(task.describe_recurrence(), str)
    assert_type(task.is_template, bool)
    report = generate_occurrences(Task, now=datetime.now(UTC))
    assert_type(report, GenerationReport)
    assert_type(report.created, int)


# Calendars and forms


class TaskFeed(RecurrenceFeedView):
    """A calendar of a host project."""

    name = "Tasks"

    def get_queryset(self) -> models.QuerySet[Task]:
        return Task.objects.filter(title__startswith="a")

    def entry(self, row: Task) -> CalendarEntry:
        return CalendarEntry(summary=row.title, duration=timedelta(minutes=25))


def use_calendars(task: Task) -> None:
    """A file out, a rule in."""
    assert_type(to_ics(task, domain="example.com"), bytes)
    found = rule_from_ics("RRULE:FREQ=DAILY", zone="Europe/Paris")
    assert_type(found.rule, str)
    assert_type(found.start, datetime | date)
    RecurrenceRuleFormField(start="due_at", zone="zone", required=False)


# Rules

rule = Rule.parse("FREQ=WEEKLY;BYDAY=MO")
begin = datetime(2026, 1, 5, 9, tzinfo=ZoneInfo("Europe/Paris"))
following: datetime | None = rule.next_after(begin, begin)
times: list[datetime] = list(rule.occurrences(begin, limit=3))
for occurrence in rule.expand(begin, limit=3):
    assert_type(occurrence.nominal, str)
assert_type(rule.describe(), str)


# Records


def use_records(letter: DeadLetter) -> None:
    """What is kept, and what can be done with it."""
    assert_type(requeue(letter, by="ops"), str)
    discard(letter, by="ops")
    assert_type(Run.objects.unfinished().count(), int)
    assert_type(Run.objects.filter(task="").ended().first(), Run | None)
    assert_type(DeadLetter.objects.exclude(task="").open().get(), DeadLetter)
    assert_type(Fire.objects.get(), Fire)
    assert_type(Schedule.objects.get().is_declared, bool)


# Tests


class NightTests(RecurringJobsTestMixin, TestCase):
    """The kit in a test case."""

    clock_at = begin

    def test_night(self) -> None:
        self.clock.move_by(timedelta(hours=1))
        assert_type(self.worker.run_until(begin + timedelta(days=1)), list[Attempt])
        self.assertDeadLetter("shop.clean", ConnectionError)


def test_kit(jobs_clock: Clock, jobs_worker: Worker) -> None:
    """The kit in a test for pytest."""
    jobs_clock.move_to(begin)
    assert_fires(paris, between=(begin, begin + timedelta(days=1)), at=[begin])
    assert_type(fires_between("nightly", begin, begin + timedelta(days=1)), list[datetime])
    with assert_retried("shop.clean", times=2) as retried:
        attempts = jobs_worker.run_due()
    assert_type([each.delay for each in retried], list[float])
    assert_type([each.state for each in attempts], list[str])
    assert_type(assert_dead_letter("shop.clean", "builtins.OSError"), DeadLetter)
    rows: list[Task] = generate_now(Task, now=begin)
    assert_type(rows, list[Task])
    assert_type(run_until(begin + timedelta(days=1), start=begin), list[Attempt])
    check_ledger()
