"""Eight people in eight time zones, each with the habits that people really have."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import transaction

from focus.models import Task

#: Who lives where: four zones north of the equator, four south of it.
PEOPLE = {
    "camille": "Europe/Paris",
    "oliver": "Europe/London",
    "grace": "America/New_York",
    "mateo": "America/Los_Angeles",
    "isidora": "America/Santiago",
    "thandi": "Africa/Johannesburg",
    "mia": "Australia/Sydney",
    "aroha": "Pacific/Auckland",
}


class Habit(NamedTuple):
    """A repeating task, its start counted from the first Monday of last year."""

    title: str
    rule: str
    day: int
    time: str
    minutes: int = 25


#: {next} is the year after this one.
HABITS = [
    Habit("Drink a glass of water", "FREQ=DAILY", 0, "07:15", 5),
    Habit("Plan the day", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", 0, "08:30", 15),
    Habit("Read before sleeping", "FREQ=DAILY", 0, "21:45", 30),
    Habit("Water the plants", "FREQ=DAILY;INTERVAL=3", 1, "18:00", 10),
    Habit("Stand up and stretch", "FREQ=HOURLY;INTERVAL=2", 0, "08:00", 5),
    Habit("Check the build", "FREQ=HOURLY", 0, "00:10", 5),
    Habit("Stand-up meeting", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", 0, "09:45", 15),
    Habit("Run in the park", "FREQ=WEEKLY;BYDAY=TU,TH,SA", 1, "06:30", 45),
    Habit("Review the week", "FREQ=WEEKLY;BYDAY=FR", 4, "16:00", 50),
    Habit("Recycling out", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", 1, "19:30", 10),
    Habit("Sprint planning", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", 0, "10:00", 90),
    Habit("Call the parents", "FREQ=WEEKLY;BYDAY=SU", 6, "17:00", 30),
    Habit("Night backup check", "FREQ=WEEKLY;BYDAY=SU", 6, "02:30", 10),
    Habit("Send invoices", "FREQ=MONTHLY;BYDAY=-1FR", 4, "15:00", 60),
    Habit("Pay the rent", "FREQ=MONTHLY;BYMONTHDAY=1", 0, "09:00", 10),
    Habit("Submit expenses", "FREQ=MONTHLY;BYMONTHDAY=15", 0, "11:00", 30),
    Habit("Close the month", "FREQ=MONTHLY;BYMONTHDAY=-1", 0, "17:30", 60),
    Habit("Book club", "FREQ=MONTHLY;BYDAY=2WE", 2, "19:00", 120),
    Habit("Payday check", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", 0, "12:00", 15),
    Habit("File the VAT return", "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=10", 3, "10:30", 90),
    Habit("Replace the toothbrush", "FREQ=YEARLY;BYMONTH=1,4,7,10;BYMONTHDAY=2", 0, "08:00", 5),
    Habit("Renew the domain", "FREQ=YEARLY;BYMONTH=6;BYMONTHDAY=20", 0, "10:00", 15),
    Habit("Thanksgiving call", "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", 0, "13:00", 30),
    Habit("Physiotherapy", "FREQ=WEEKLY;BYDAY=WE;UNTIL={next}0630T235959Z", 2, "17:15", 45),
    Habit("Language course", "FREQ=WEEKLY;BYDAY=MO,WE;COUNT=400", 0, "18:30", 60),
    Habit("Take the antibiotics", "FREQ=DAILY;COUNT=10", 0, "08:00", 5),
    Habit("Conference talk rehearsal", "FREQ=DAILY;UNTIL={next}0331", 0, "20:00", 40),
]


@transaction.atomic
def load(now: datetime) -> int:
    """Add the habits that are not there yet; return how many templates were added."""
    return sum(add_habits(name, zone, now) for name, zone in PEOPLE.items())


def add_habits(name: str, zone: str, now: datetime) -> int:
    """Give *name*, who lives in *zone*, the habits that are not in the list yet."""
    owner, _ = get_user_model().objects.get_or_create(
        username=name, defaults={"email": f"{name}@example.com", "first_name": name.title()}
    )
    known = set(Task.objects.filter(owner=owner).values_list("title", flat=True))
    missing = [habit for habit in HABITS if habit.title not in known]
    for habit in missing:
        template_of(habit, owner=owner, zone=zone, now=now).save()
    return len(missing)


def template_of(habit: Habit, *, owner: User, zone: str, now: datetime) -> Task:
    """Return *habit* as an unsaved template in the wall-clock time of *zone*."""
    start = start_of(habit, zone=zone, now=now)
    return Task(
        owner=owner,
        title=habit.title,
        estimated_minutes=habit.minutes,
        due_at=start,
        remind_at=start - timedelta(minutes=15),
        recurrence_rule=habit.rule.format(next=now.year + 1),
        recurrence_timezone=zone,
    )


def start_of(habit: Habit, *, zone: str, now: datetime) -> datetime:
    """Return when *habit* began: so many days after the first Monday of last year."""
    january = datetime(now.year - 1, 1, 1, tzinfo=ZoneInfo(zone))
    day = january + timedelta(days=-january.weekday() % 7 + habit.day)
    hour, minute = map(int, habit.time.split(":"))
    return day.replace(hour=hour, minute=minute)
