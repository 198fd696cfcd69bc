"""Any sequence of edits and passes, held against what a calendar would show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from recurring_jobs.exceptions import SeriesEditError
from recurring_jobs.models import change_rule, end, reschedule, skip, split, unskip
from recurring_jobs.recurrence.occurrences import generate_occurrences
from recurring_jobs.recurrence.rows import series_of
from tests.examples import examples
from tests.host.models import Todo

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
RULES = (
    "FREQ=DAILY",
    "FREQ=DAILY;INTERVAL=2",
    "FREQ=DAILY;COUNT=12",
    "FREQ=WEEKLY;BYDAY=MO,WE,FR",
    "FREQ=DAILY;UNTIL=20260320T090000Z",
    "RRULE:FREQ=WEEKLY\nRDATE:20260305T090000,20260311T120000\nEXDATE:20260308T090000",
)


class Calendar:
    """What a person did, and what must be seen: kept beside the tables, in plain sets."""

    def __init__(self, rule: str) -> None:
        Todo.objects.all().delete()
        self.now = START + timedelta(days=1, hours=3)
        self.theirs: dict[int, tuple[object, ...]] = {}
        self.gone: set[str] = set()
        self.kept: set[str] = set()
        Todo.objects.create(
            title="a", due_at=START, recurrence_rule=rule, recurrence_timezone="UTC"
        )
        self.let_pass(0)

    def let_pass(self, number: int) -> None:
        self.now += timedelta(days=number)
        generate_occurrences(Todo, now=self.now)

    def touch(self, number: int) -> None:
        if row := self.row(number):
            Todo.objects.filter(pk=row.pk).update(done=True)
            self.keep(row)

    def move(self, number: int) -> None:
        if row := self.row(number):
            reschedule(row, row.due_at + timedelta(hours=7))
            self.keep(row)

    def delete(self, number: int) -> None:
        if row := self.row(number):
            name, series = row.recurrence_id, series_of(row.recurrence_parent)
            self.lose(row)
            if series.named(name) is None:
                # No rule names it: nothing tells that it was there, should one do so later.
                self.gone.discard(name)
            row.delete()

    def skip(self, number: int) -> None:
        if row := self.row(number):
            is_theirs = row.pk in self.theirs
            self.lose(row)
            if is_theirs:  # it comes back as they left it, done or moved
                self.kept.add(row.recurrence_id)
            skip(row, now=self.now)

    def unskip(self, number: int) -> None:
        for template in Todo.objects.templates():
            names = sorted(template.recurrence_skips or {})
            if names:
                name = names[number % len(names)]
                row = unskip(template, name, now=self.now)
                self.gone.discard(name)
                if row is not None and name in self.kept:
                    self.keep(row)
                return

    def change(self, number: int) -> None:
        template = self.template(number)
        if self.is_alone(template):
            change_rule(template, RULES[number % len(RULES)], now=self.now)

    def split(self, number: int) -> None:
        if row := self.row(number):
            try:
                split(row.recurrence_parent, row, now=self.now, title=f"b{number}")
            except SeriesEditError as error:
                assert "does not name" in str(error)  # noqa: PT017

    def end(self, number: int) -> None:
        template = self.template(number)
        end(template, self.now + timedelta(days=number), now=self.now)

    def is_alone(self, template: Todo) -> bool:
        # Two series that a new rule makes overlap would be no fault of ours.
        return Todo.objects.templates().count() == 1 and template is not None

    def template(self, number: int) -> Todo:
        templates = list(Todo.objects.templates().order_by("pk"))
        return templates[number % len(templates)]

    def row(self, number: int) -> Todo | None:
        rows = list(Todo.objects.occurrences().order_by("recurrence_id"))
        return rows[number % len(rows)] if rows else None

    def keep(self, row: Todo) -> None:
        self.theirs[row.pk] = self.values(row.pk)

    def lose(self, row: Todo) -> None:
        self.gone.add(row.recurrence_id)
        self.kept.discard(row.recurrence_id)
        self.theirs.pop(row.pk, None)

    def values(self, pk: int) -> tuple[object, ...]:
        names = ("title", "due_at", "done", "recurrence_id", "created_at")
        return Todo.objects.filter(pk=pk).values_list(*names).get()

    def check(self) -> None:
        rows = list(Todo.objects.occurrences())
        names = [row.recurrence_id for row in rows]
        assert len(names) == len(set(names))
        assert not self.gone.intersection(names)
        assert {pk: self.values(pk) for pk in self.theirs} == self.theirs
        for template in Todo.objects.templates():
            mine = {row.recurrence_id: row for row in template.occurrences.all()}
            ahead = [found.nominal for found in islice(series_of(template).after(self.now), 60)]
            missing = {name for name in ahead[:5] if name not in mine} - self.gone
            stray = {
                name
                for name, row in mine.items()
                if row.due_at > self.now and row.pk not in self.theirs and name not in ahead
            }
            old = {
                name
                for name, row in mine.items()
                if row.due_at > self.now
                and row.pk not in self.theirs
                and row.title != template.title
            }
            assert (missing, stray, old) == (set(), set(), set()), template.recurrence_rule


VERBS = ("let_pass", "touch", "move", "delete", "skip", "unskip", "change", "split", "end")


@pytest.mark.django_db
@pytest.mark.timeout(400)  # a server and Python's development mode take minutes for it
@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    rule=st.sampled_from(RULES),
    steps=st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 9)), max_size=12),
)
# What is brought back lies beyond the rows that the new rule has by then.
@example(RULES[3], [("delete", 2), ("change", 0), ("unskip", 0), ("split", 0)])
@example(RULES[0], [("move", 3), ("skip", 3), ("unskip", 0), ("split", 0)])
def test_any_edits_in_any_order(rule, steps):
    """After each edit, and the pass that follows: nothing twice, nothing lost, nothing undone."""
    calendar = Calendar(rule)

    for verb, number in steps:
        getattr(calendar, verb)(number)
        calendar.check()
        calendar.let_pass(0)
        calendar.check()
