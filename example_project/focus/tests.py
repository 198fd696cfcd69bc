"""The to-do list keeps the next occurrences of each habit."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.test import Client, TestCase
from django.urls import reverse
from django.utils import timezone
from icalendar import Calendar

from focus import demo_data
from focus.models import Task
from focus.tasks import generate_recurring_tasks


class GenerateRecurringTasksTests(TestCase):
    """What the task that runs every twelve hours leaves behind."""

    def setUp(self) -> None:
        demo_data.load(timezone.now())

    def test_each_template_gets_its_next_five(self) -> None:
        """Each template that goes on has five occurrences after now; one that ended has none."""
        now = timezone.now()

        generate_recurring_tasks()

        made = Counter(
            Task.objects.filter(due_at__gt=now).values_list("recurrence_parent__title", flat=True)
        )
        made.pop(None, None)
        expected = {habit.title: 40 for habit in demo_data.HABITS}
        del expected["Take the antibiotics"]
        self.assertEqual(made, expected)

    def test_second_run_makes_nothing(self) -> None:
        """Occurrences that exist are not made again."""
        generate_recurring_tasks()

        again = generate_recurring_tasks()

        self.assertEqual(again["created"], 0)

    def test_reminder_moves_along(self) -> None:
        """An occurrence is reminded of as long before its time as its template."""
        generate_recurring_tasks()

        distances = {
            task.due_at - task.remind_at
            for task in Task.objects.filter(recurrence_parent__isnull=False)
        }
        self.assertEqual(distances, {timedelta(minutes=15)})

    def test_time_of_day_is_kept_in_its_zone(self) -> None:
        """Planning the day stands at half past eight on every wall, all year round."""
        generate_recurring_tasks()

        times = {
            task.due_at.astimezone(ZoneInfo(task.recurrence_parent.recurrence_timezone)).time()
            for task in Task.objects.filter(recurrence_parent__title="Plan the day")
        }
        self.assertEqual({time.isoformat("minutes") for time in times}, {"08:30"})

    def test_done_task_stays_done(self) -> None:
        """What a person ticked off is not made anew."""
        generate_recurring_tasks()
        done = Task.objects.filter(recurrence_parent__isnull=False).first()
        Task.objects.filter(pk=done.pk).update(is_done=True)

        generate_recurring_tasks()

        twins = Task.objects.filter(
            recurrence_parent=done.recurrence_parent, recurrence_id=done.recurrence_id
        )
        self.assertEqual([task.is_done for task in twins], [True])


class CalendarTests(TestCase):
    """What a calendar program gets that subscribes."""

    def setUp(self) -> None:
        demo_data.load(timezone.now())
        generate_recurring_tasks()
        self.camille = User.objects.get(username="camille")
        self.client.force_login(self.camille)

    def subscribe(self) -> bytes:
        """Open the page, and ask for the address on it as a program does: without a log-in."""
        page = self.client.get(reverse("focus:tasks"))
        return Client().get(page.context["feed_url"]).content

    def test_address_on_the_page_is_the_persons_calendar(self) -> None:
        """The calendar has each habit of the person once, as a series."""
        calendar = Calendar.from_ical(self.subscribe())

        series = [event for event in calendar.walk("VEVENT") if "RRULE" in event]
        habits = {habit.title for habit in demo_data.HABITS} - {"Take the antibiotics"}
        self.assertEqual({str(event["SUMMARY"]) for event in series}, habits)

    def test_skipped_task_is_not_in_it(self) -> None:
        """What a person deleted is left out of the series."""
        skipped = Task.objects.filter(owner=self.camille, title="Plan the day").upcoming()[1]
        skipped.delete()

        events = Calendar.from_ical(self.subscribe()).walk("VEVENT")

        left_out = {str(each["SUMMARY"]): each["EXDATE"] for each in events if "EXDATE" in each}
        self.assertEqual(list(left_out), ["Plan the day"])
        self.assertEqual([each.dt for each in left_out["Plan the day"].dts], [skipped.local_start])

    def test_task_of_the_form_repeats(self) -> None:
        """What is typed into the form becomes a template of the person who typed it."""
        self.client.post(
            reverse("focus:tasks"),
            {"title": "Swim", "due_at": "2026-01-05 07:00", "recurrence_rule": "freq=weekly"},
        )

        swim = Task.objects.get(title="Swim")
        self.assertEqual((swim.owner, swim.recurrence_rule), (self.camille, "FREQ=WEEKLY"))


class DemoDataTests(TestCase):
    """The habits of the demo."""

    def test_two_hundred_templates_in_eight_zones(self) -> None:
        """There are at least 200 templates, in eight time zones; a second load adds none."""
        now = timezone.now()

        added, again = demo_data.load(now), demo_data.load(now)

        zones = set(Task.objects.values_list("recurrence_timezone", flat=True))
        self.assertGreaterEqual(added, 200)
        self.assertEqual((len(zones), again), (8, 0))

    def test_starts_are_counted_from_the_first_monday_of_last_year(self) -> None:
        """A habit of a Tuesday begins on a Tuesday, at its time on the wall clock."""
        habit = demo_data.Habit("Swim", "FREQ=DAILY", day=1, time="07:00")

        starts = [
            demo_data.start_of(habit, zone="Europe/Paris", now=datetime(year, 11, 21, tzinfo=UTC))
            for year in (2025, 2026, 2027)
        ]

        self.assertEqual(
            [start.isoformat() for start in starts],
            ["2024-01-02T07:00:00+01:00", "2025-01-07T07:00:00+01:00", "2026-01-06T07:00:00+01:00"],
        )
