from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.host.models import Todo

if TYPE_CHECKING:
    from collections.abc import Callable

#: A Monday at noon; the to-dos below are due at nine.
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def make_todo(db: None) -> Callable[..., Todo]:
    """Make a template: each day at nine in UTC, unless told otherwise."""

    def make(**values: Any) -> Todo:
        daily = {
            "title": "Water the plants",
            "due_at": datetime(2026, 3, 1, 9, tzinfo=UTC),
            "recurrence_rule": "FREQ=DAILY",
            "recurrence_timezone": "UTC",
        }
        return Todo.objects.create(**{**daily, **values})

    return make


@pytest.fixture
def days() -> Callable[[Todo], list[str]]:
    """The nominal times of a template's rows, without the time of day."""
    return lambda template: sorted(row.recurrence_id[:8] for row in template.occurrences.all())
