from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from recurring_jobs.admin import shown
from recurring_jobs.recurrence.preview import next_times, offset_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(None, "-", id="none"),
        pytest.param(timedelta(milliseconds=340), "340\xa0ms", id="below-a-second"),
        pytest.param(timedelta(seconds=3.44), "3.4\xa0s", id="below-a-minute"),
        pytest.param(timedelta(seconds=61), "1\xa0min 01\xa0s", id="below-an-hour"),
        pytest.param(timedelta(hours=1, minutes=5), "1\xa0h 05\xa0min", id="below-two-days"),
        pytest.param(timedelta(days=3, hours=2), "3\xa0d 02\xa0h", id="days"),
        pytest.param(timedelta(seconds=-2), "-2.0\xa0s", id="negative"),
    ],
)
def test_durations_read_in_one_or_two_units(value, text):
    """
    A duration is shown in the units that suit its length.
    """
    assert shown.duration(value) == text


@pytest.mark.parametrize(
    ("local", "text"),
    [
        pytest.param(datetime(2026, 7, 1, tzinfo=ZoneInfo("Asia/Kolkata")), "UTC+05:30", id="east"),
        pytest.param(
            datetime(2026, 7, 1, tzinfo=ZoneInfo("America/St_Johns")), "UTC-02:30", id="west"
        ),
        pytest.param(datetime(2026, 7, 1, tzinfo=UTC), "UTC+00:00", id="utc"),
    ],
)
def test_offsets_count_hours_and_minutes(local, text):
    """
    An offset is shown with its sign, also where it is no whole hour.
    """
    assert offset_of(local) == text


def test_moments_are_in_the_current_zone():
    """
    An instant is shown on the clock of the person who looks, and in full for programs.
    """
    with timezone.override("Europe/Paris"):
        html = shown.moment(datetime(2026, 3, 2, 8, 0, tzinfo=UTC))

    assert html == (
        '<time class="recurring-jobs-time" datetime="2026-03-02T09:00:00+01:00">'
        '<span class="recurring-jobs-day">Mon <bdi dir="ltr">2026-03-02</bdi></span> 09:00</time>'
    )


def test_change_of_the_clocks_is_noted_between_two_times():
    """
    Of a daily 09:00 in Paris over the last Sunday of March, that Sunday carries the note.
    """
    paris = ZoneInfo("Europe/Paris")
    times = [datetime(2026, 3, day, 9, tzinfo=paris) for day in (28, 29, 30)]

    rows = next_times(times, paris).split("<tr>")[2:]

    assert ["clocks change" in row for row in rows] == [False, True, False]
    assert ["2026-03-29</bdi></span> 09:00" in row for row in rows] == [False, True, False]


def test_change_of_the_clocks_before_the_first_time_is_noted():
    """A nightly 02:00 that the clocks leave out comes at 03:00, and the table says why."""
    berlin = ZoneInfo("Europe/Berlin")
    times = [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 3, 30, 0, tzinfo=UTC)]

    first, second = next_times(times, berlin).split("<tr>")[2:]

    assert "03:00" in first
    assert "clocks change" in first
    assert "clocks change" not in second


def test_the_first_days_of_all_have_a_table():
    """There is no day before the first one."""
    assert "0001-01-01" in next_times([datetime(1, 1, 1, 1, tzinfo=UTC)], ZoneInfo("UTC"))


def test_dates_have_neither_offset_nor_second_clock():
    """
    The times of an all-day row are dates, shown as they are.
    """
    html = next_times([date(2026, 3, 2)], ZoneInfo("Europe/Paris"))

    assert 'Mon <bdi dir="ltr">2026-03-02</bdi>' in html
    assert "Offset" not in html


@pytest.mark.parametrize(
    ("done", "total", "note", "expected"),
    [
        pytest.param(None, None, "", "-", id="nothing-reported"),
        pytest.param(5, None, "", "5 ", id="no-total"),
        pytest.param(1, 4, "mails", 'value="25"', id="quarter"),
        pytest.param(9, 4, "", 'value="100"', id="more-than-all"),
    ],
)
def test_progress_never_leaves_its_bar(done, total, note, expected):
    """
    Progress is a bar where a total is known, and never more than full.
    """
    assert expected in shown.progress_bar(done, total, note)


def test_long_texts_are_cut():
    """
    A text of a megabyte does not become a page of a megabyte.
    """
    html = shown.code("x" * 1_000_000)

    assert len(html) < 25_000
    assert html.endswith("… cut here</pre>")


def test_values_that_are_not_json_are_shown_as_they_print():
    """
    Whatever stands in a JSON column can be shown.
    """
    assert shown.json_text({"at": datetime(2026, 1, 1, tzinfo=UTC)}) == (
        '{\n  "at": "datetime.datetime(2026, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)"\n}'
    )


def test_markup_in_values_is_escaped():
    """
    A value is text, whatever it holds.
    """
    payload = '"><script>alert(1)</script>'

    for html in (
        shown.code(payload),
        shown.badge("good", payload, payload),
        shown.progress_bar(1, 2, payload),
        shown.pretty_json({payload: payload}),
    ):
        assert "<script>" not in html
