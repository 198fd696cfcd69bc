"""
The values of fields, and what is found from the other side of a foreign key.

mypy learns them from the plugin of django-stubs. pyright has no plugins: under it they are
of unknown type, as are those of every other model.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_type

from recurring_jobs.models import DeadLetter, Fire, Run, Schedule, TaskLock
from tests.host.models import Course, Lesson, Todo


def use_fields_of_hosts(course: Course, lesson: Lesson, todo: Todo) -> None:
    """Those of a mixin, and those of the host."""
    assert_type(lesson.recurrence_parent, Course | None)
    assert_type(lesson.recurrence_id, str | None)
    assert_type(course.recurrence_timezone, str)
    assert_type(course.occurrences.get(), Lesson)
    assert_type(todo.occurrences.upcoming().get(), Todo)
    assert_type(todo.title, str)


def use_fields_of_records(run: Run, letter: DeadLetter, lock: TaskLock) -> None:
    """Those of what is kept."""
    assert_type(run.finished_at, datetime | None)
    assert_type(letter.failed_at, datetime)
    assert_type(lock.token, int)
    assert_type(Fire.objects.get().nominal_at, datetime)
    assert_type(Schedule.objects.get().next_fire_at, datetime | None)
