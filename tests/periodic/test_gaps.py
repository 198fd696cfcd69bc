from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from recurring_jobs.periodic.gaps import Entry, Gap, find_gaps

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hourly(at: datetime) -> datetime:
    return START + ((at - START) // HOUR + 1) * HOUR


def entries(*found: tuple[int, int]) -> list[Entry]:
    return [Entry(START + hour * HOUR, stands_for) for hour, stands_for in found]


@pytest.mark.parametrize(
    "found",
    [
        pytest.param([], id="none"),
        pytest.param([(0, 7)], id="one"),
        pytest.param([(0, 1), (1, 1), (2, 1)], id="each"),
        pytest.param([(0, 1), (4, 4), (5, 1)], id="the last stands for all"),
        pytest.param([(0, 1), (1, 4), (5, 1)], id="the first stands for all"),
        pytest.param([(0, 1), (3, 3), (4, 3), (7, 1)], id="dropped, then the first"),
        pytest.param([(0, 3), (2, 2), (4, 2)], id="each way on either side"),
    ],
)
def test_nothing_is_missing(found):
    """
    Times that an entry beside them stands for are accounted for.
    """
    assert list(find_gaps(entries(*found), hourly)) == []


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        pytest.param([(0, 1), (2, 1)], (0, 2, 1), id="one"),
        pytest.param([(0, 1), (4, 3)], (0, 4, 3), id="stands for too few"),
        pytest.param([(0, 1), (2, 3)], (0, 2, 1), id="stands for too many"),
        pytest.param([(0, 1), (3, 3), (6, 1)], (3, 6, 2), id="used already"),
    ],
)
def test_what_is_missing_is_found(found, missing):
    """
    Times that nothing stands for are found, with the entries around them.
    """
    after, before, times = missing

    assert list(find_gaps(entries(*found), hourly)) == [
        Gap(START + after * HOUR, START + before * HOUR, times)
    ]


def test_edit_ends_what_is_known():
    """
    An entry at a time that the schedule no longer has says that it was edited.
    """
    edited = [Entry(START), Entry(START + 2.5 * HOUR), Entry(START + 3 * HOUR)]

    assert list(find_gaps(edited, hourly)) == []
