"""Names of occurrences are not in the order of their times where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recurring_jobs.recurrence import series
from recurring_jobs.recurrence.occurrences import generate_occurrences
from recurring_jobs.rules import Rule
from tests.examples import examples
from tests.host.models import Todo

pytestmark = pytest.mark.django_db

DAYS = timedelta(days=6)


class Case(NamedTuple):
    """A series whose clocks change in the *DAYS* after *begin*."""

    rule: str
    start: datetime
    begin: datetime

    def names(self) -> list[str]:
        found = Rule.parse(self.rule).expand(self.start, after=self.begin, before=self.begin + DAYS)
        return [occurrence.nominal for occurrence in found]

    def template(self, make_todo) -> Todo:
        return make_todo(
            recurrence_rule=self.rule,
            recurrence_timezone=str(self.start.tzinfo),
            due_at=self.start.astimezone(UTC),
        )


CASES = {
    # 2:15 is 2:45 on that day, and comes after 2:40.
    "short gap": Case(
        "FREQ=DAILY;BYHOUR=2;BYMINUTE=15,40",
        datetime(2027, 9, 28, 3, tzinfo=ZoneInfo("Australia/Lord_Howe")),
        datetime(2027, 9, 30, tzinfo=UTC),
    ),
    # 2:30 is 3:30 on that day, and comes after 3:00.
    "chosen": Case(
        "FREQ=DAILY;BYHOUR=2,3;BYMINUTE=0,30;BYSETPOS=2,3",
        datetime(2027, 3, 20, 2, 30, tzinfo=ZoneInfo("Europe/Paris")),
        datetime(2027, 3, 25, tzinfo=UTC),
    ),
    # The second 2:30 of that night is named in UTC.
    "named in UTC": Case(
        "RRULE:FREQ=DAILY;BYHOUR=2;BYMINUTE=30\nRDATE:20271031T013000Z",
        datetime(2027, 10, 20, 2, 30, tzinfo=ZoneInfo("Europe/Paris")),
        datetime(2027, 10, 27, tzinfo=UTC),
    ),
    "starts in the second pass": Case(
        "FREQ=DAILY;BYHOUR=2;BYMINUTE=30,40;COUNT=2",
        datetime(2027, 10, 31, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Paris")),
        datetime(2027, 10, 30, tzinfo=UTC),
    ),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def made(template: Todo, case: Case) -> list[str]:
    rows = template.occurrences.filter(due_at__gt=case.begin, due_at__lt=case.begin + DAYS)
    return list(rows.order_by("due_at").values_list("recurrence_id", flat=True))


def pass_by_pass(case: Case, step: timedelta) -> None:
    now = case.begin
    while now < case.begin + DAYS:
        generate_occurrences(Todo, now=now)
        now += step


@pytest.mark.parametrize("step", [timedelta(minutes=30), timedelta(hours=5)], ids=str)
@each_case
def test_each_time_gets_its_row(make_todo, case, step):
    """Passes that come often make the same rows as the rule names."""
    template = case.template(make_todo)

    pass_by_pass(case, step)

    assert made(template, case) == case.names()


@each_case
def test_deleted_row_is_not_made_again(make_todo, case):
    """What a person deletes, however it is named, stays so in all later passes."""
    template = case.template(make_todo)
    generate_occurrences(Todo, now=case.begin, until=case.begin + DAYS)
    *kept, last = case.names()
    assert made(template, case) == [*kept, last]

    for name in kept:
        template.occurrences.get(recurrence_id=name).delete()
        pass_by_pass(case, timedelta(hours=7))
        assert name not in made(template, case)

    assert made(template, case) == [last]


@each_case
def test_edit_reaches_every_row(make_todo, case):
    """A new title is that of all rows that lie ahead, and none is made twice."""
    template = case.template(make_todo)
    generate_occurrences(Todo, now=case.begin, until=case.begin + DAYS)

    template.title = "Later"
    template.save()
    generate_occurrences(Todo, now=case.begin, until=case.begin + DAYS)

    assert made(template, case) == case.names()
    assert set(template.occurrences.values_list("title", flat=True)) == {"Later"}


@each_case
def test_skip_is_taken_back(make_todo, case):
    """The row of a time that was skipped comes back, wherever its name stands."""
    template = case.template(make_todo)
    generate_occurrences(Todo, now=case.begin, until=case.begin + DAYS)

    for name in case.names():
        series.skip(template.occurrences.get(recurrence_id=name), now=case.begin)
        template.refresh_from_db()
        assert name not in made(template, case)
        series.unskip(template, name, now=case.begin)
        template.refresh_from_db()

    assert made(template, case) == case.names()


ZONES = {
    "Europe/Paris": (datetime(2027, 3, 26, tzinfo=UTC), datetime(2027, 10, 29, tzinfo=UTC)),
    "America/St_Johns": (datetime(2027, 3, 12, tzinfo=UTC), datetime(2027, 11, 5, tzinfo=UTC)),
    "Australia/Lord_Howe": (datetime(2027, 4, 2, tzinfo=UTC), datetime(2027, 10, 1, tzinfo=UTC)),
}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    zone = draw(st.sampled_from(sorted(ZONES)))
    begin = draw(st.sampled_from(ZONES[zone]))
    hours = draw(st.sets(st.integers(0, 3), min_size=1, max_size=2))
    minutes = draw(st.sets(st.sampled_from([0, 10, 15, 30, 40, 45]), min_size=1, max_size=2))
    rule = "FREQ=DAILY;BYHOUR={};BYMINUTE={}".format(
        ",".join(map(str, sorted(hours))), ",".join(map(str, sorted(minutes)))
    )
    places = draw(st.sets(st.integers(1, len(hours) * len(minutes)), max_size=2))
    if places:
        rule += f";BYSETPOS={','.join(map(str, sorted(places)))}"
    if draw(st.booleans()):
        at = begin + draw(st.integers(0, 6 * 24 * 4)) * timedelta(minutes=15)
        rule = f"RRULE:{rule}\nRDATE:{at:%Y%m%dT%H%M%SZ}"
    start = begin.astimezone(ZoneInfo(zone)) - timedelta(days=draw(st.integers(0, 9)))
    return Case(rule, start, begin)


@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(case=cases(), hours=st.integers(1, 20))
def test_any_rule_near_a_change_of_the_clocks(make_todo, case, hours):
    """Whatever the rule and how often passes come, no more than five times apart."""
    Todo.objects.all().delete()
    template = case.template(make_todo)

    pass_by_pass(case, timedelta(hours=hours))
    generate_occurrences(Todo, now=case.begin, until=case.begin + DAYS)

    assert made(template, case) == case.names()
