from __future__ import annotations

import json
import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurring_jobs import At, Cron, Every, RRule, Solar
from recurring_jobs.exceptions import InvalidTriggerError, UnknownTimeZoneError
from recurring_jobs.periodic.beat_tables import trigger_key
from recurring_jobs.periodic.triggers import trigger_from
from recurring_jobs.periodic.triggers.cron import _as_people_say

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday
PARIS = "Europe/Paris"


@pytest.mark.parametrize(
    ("trigger", "after", "expected"),
    [
        pytest.param(
            Cron("0 9 * * *", timezone=PARIS), NOON, "2026-03-03T08:00:00+00:00", id="cron"
        ),
        pytest.param(
            Cron("0 9 * * *", timezone=PARIS),
            datetime(2026, 3, 28, 12, tzinfo=UTC),
            "2026-03-29T07:00:00+00:00",
            id="cron keeps its hour after the spring change",
        ),
        pytest.param(
            Cron(minute=30, hour="8-10/2", day_of_week="mon,tue", timezone="UTC"),
            NOON,
            "2026-03-03T08:30:00+00:00",
            id="cron by keywords",
        ),
        pytest.param(
            Cron("@monthly", timezone="UTC"), NOON, "2026-04-01T00:00:00+00:00", id="cron by name"
        ),
        pytest.param(Every(minutes=15), NOON, "2026-03-02T12:15:00+00:00", id="on the grid"),
        pytest.param(
            Every(hours=1),
            NOON + timedelta(microseconds=1),
            "2026-03-02T13:00:00+00:00",
            id="just past the grid",
        ),
        pytest.param(
            Every(timedelta(hours=6), anchor=datetime(2030, 1, 1, 1, tzinfo=UTC)),
            NOON,
            "2026-03-02T13:00:00+00:00",
            id="a grid that an anchor shifts",
        ),
        pytest.param(
            RRule("FREQ=MONTHLY;BYDAY=-1FR", start="2026-01-30T17:00:00", timezone=PARIS),
            NOON,
            "2026-03-27T16:00:00+00:00",
            id="rule",
        ),
        pytest.param(
            RRule("FREQ=DAILY;COUNT=2", start="2026-01-30T17:00:00", timezone=PARIS),
            NOON,
            None,
            id="rule that has ended",
        ),
        pytest.param(At(NOON), NOON - timedelta(seconds=1), NOON.isoformat(), id="once"),
        pytest.param(At(NOON), NOON, None, id="once, gone by"),
        pytest.param(
            Solar("sunrise", 48.8566, 2.3522), NOON, "2026-03-03T06:28:46+00:00", id="sunrise"
        ),
        pytest.param(Solar("sunrise", 90, 0), NOON, None, id="no sunrise at the pole"),
    ],
)
def test_next_after_is_the_first_time_strictly_later(trigger, after, expected):
    """
    Every kind of trigger answers with the next instant in UTC, or None when there is none.
    """
    found = trigger.next_after(after)

    assert (found and found.isoformat()) == expected


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        pytest.param(
            lambda: Cron("0 9 * *"),
            "Cron('0 9 * *'): has 4 fields. Give five: minute, hour, day of month, month,"
            " day of week.",
            id="four fields",
        ),
        pytest.param(
            lambda: Cron("@dayly"),
            "Cron('@dayly'): is not a known name. Did you mean '@daily'? Use one of @yearly,"
            " @annually, @monthly, @weekly, @daily, @midnight, @hourly.",
            id="unknown name",
        ),
        pytest.param(
            lambda: Cron("0 9 * * *", hour=3),
            "Cron('0 9 * * *'): give five fields in one text or keywords, not both.",
            id="text and keywords",
        ),
        pytest.param(
            lambda: Cron(hour=1.5),
            "Cron(1.5): hour must be a text, a number or numbers.",
            id="half an hour",
        ),
        pytest.param(
            lambda: Cron(hour="1," * 48 + "1"),
            f"Cron({'1,' * 48 + '1'!r}): hour is longer than 96 characters.",
            id="longer than its column",
        ),
        pytest.param(
            lambda: Every(seconds=0.5),
            "Every('0:00:00.500000'): must be at least one second.",
            id="half a second",
        ),
        pytest.param(
            lambda: Every(seconds=float("inf")),
            "Every({'seconds': inf}): is no length of time.",
            id="without end",
        ),
        pytest.param(
            lambda: Every(timedelta(days=999_999_999), hours=24),
            "Every({'hours': 24}): is no length of time.",
            id="longer than time",
        ),
        pytest.param(
            lambda: Every(minutes="5"),
            "Every({'minutes': '5'}): is no length of time.",
            id="a number as text",
        ),
        pytest.param(
            lambda: Every(60),
            "Every(60): give a timedelta, or seconds=, minutes=, hours= or days=.",
            id="a bare number",
        ),
        pytest.param(
            lambda: Every(hours=1, anchor=datetime(2026, 1, 1)),  # noqa: DTZ001  the fault
            "Every('2026-01-01T00:00:00'): anchor has no time zone. Give an aware datetime.",
            id="naive anchor",
        ),
        pytest.param(
            lambda: At(datetime(2026, 1, 1)),  # noqa: DTZ001  the fault
            "At('2026-01-01T00:00:00'): it has no time zone. Give an aware datetime.",
            id="naive time",
        ),
        pytest.param(
            lambda: RRule("FREQ=DAILY", start="tomorrow"),
            "RRule('FREQ=DAILY'): start 'tomorrow' is not a date and time such as"
            " '2026-01-05T09:00:00'.",
            id="start in words",
        ),
        pytest.param(
            lambda: Solar("sunrice", 1, 1),
            "Solar('sunrice'): is not known. Did you mean 'sunrise'? Use one of"
            " dawn_astronomical, dawn_nautical, dawn_civil, sunrise, solar_noon, sunset,"
            " dusk_civil, dusk_nautical, dusk_astronomical.",
            id="unknown event",
        ),
        pytest.param(
            lambda: Solar("sunrise", 91, 1),
            "Solar(91): latitude must be between -90 and 90.",
            id="beyond the pole",
        ),
        pytest.param(
            lambda: Cron("0 9 * * *").next_after(NOON),
            "Cron('0 9 * * *'): has no time zone. Give one as timezone=.",
            id="no zone yet",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(build, sentence):
    """
    A trigger that cannot mean anything says which part is wrong and what to give.
    """
    with pytest.raises(InvalidTriggerError) as refused:
        build()

    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("build", "part"),
    [
        pytest.param(lambda: Cron("0 25 * * *"), "hour", id="25 o'clock"),
        pytest.param(lambda: Cron("0 9 * * fry"), "day_of_week", id="misspelt day"),
        pytest.param(lambda: Cron("0 9 30 2 *"), "30 2", id="30 February"),
        pytest.param(lambda: RRule("FREQ=SOMETIMES", start="2026-01-01"), "FREQ", id="rule"),
    ],
)
def test_refusal_names_the_field(build, part):
    """
    What the rules engine refuses is refused as a trigger, with the field in the sentence.
    """
    with pytest.raises(InvalidTriggerError, match=part):
        build()


def test_unknown_time_zone_names_the_nearest():
    """
    A misspelt zone is refused when the trigger is written, not when it should fire.
    """
    with pytest.raises(UnknownTimeZoneError) as refused:
        Cron("0 9 * * *", timezone="Europe/Pari")

    assert str(refused.value) == (
        "Time zone 'Europe/Pari' is not known. Did you mean 'Europe/Paris'? "
        "Use an IANA name such as 'Europe/Paris'."
    )


def test_zone_of_the_project_fills_only_a_gap():
    """
    A trigger that names its zone keeps it; one that does not gets the given one.
    """
    assert Cron("@daily").in_timezone(PARIS) == Cron("@daily", timezone=PARIS)
    assert Cron("@daily", timezone="UTC").in_timezone(PARIS) == Cron("@daily", timezone="UTC")
    assert RRule("FREQ=DAILY", start="2026-01-01").in_timezone(PARIS).timezone == PARIS
    assert Every(hours=1).in_timezone(PARIS) == Every(hours=1)


def test_start_brings_its_zone_along():
    """
    An aware start and a local one with the zone beside it are the same rule.
    """
    aware = RRule("FREQ=DAILY", start=datetime(2026, 1, 5, 9, tzinfo=ZoneInfo(PARIS)))

    assert aware == RRule("FREQ=DAILY", start="2026-01-05T09:00:00", timezone=PARIS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(Cron("0 9 * * *"), Cron(minute="0", hour=9), id="text and keywords"),
        pytest.param(Cron("0 0 * * *"), Cron("@daily"), id="fields and name"),
        pytest.param(Cron("0 9 * * MON"), Cron("0  9 * *  mon"), id="case and spaces"),
        pytest.param(Every(minutes=60), Every(hours=1), id="units"),
        pytest.param(
            At(NOON), At(NOON.astimezone(timezone(timedelta(hours=5)))), id="same instant"
        ),
        pytest.param(Solar("sunset", 1, 2), Solar("sunset", 1.0000001, 2), id="same place"),
    ],
)
def test_triggers_that_say_the_same_are_equal(one, other):
    """
    Equal triggers hash alike, have one key and survive pickling.
    """
    assert one == other
    assert hash(one) == hash(other)
    assert trigger_key(one) == trigger_key(other)
    assert pickle.loads(pickle.dumps(one)) == one


def test_trigger_key_is_the_same_in_every_release():
    """
    The stored fingerprint must not change, or every schedule would be computed anew.
    """
    key = trigger_key(Cron("0 9 * * *", timezone=PARIS))

    assert key == "6effc57a9fbb0d2bd8de4b2c4d7a9c9101df2106dbd710b3ac86b18ebb1b003a"


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        pytest.param(Every(hours=3), "every 3 hours", id="every"),
        pytest.param(Every(days=1), "every day", id="every day"),
        pytest.param(At(NOON), "once, at 2026-03-02 12:00:00 UTC", id="once"),
        pytest.param(Solar("dusk_civil", 48.85, 2.35), "dusk civil at 48.85, 2.35", id="sun"),
    ],
)
def test_triggers_say_themselves_in_words(trigger, words):
    """
    A person reads what a trigger does without knowing its syntax.
    """
    assert trigger.describe() == words


instants = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001  hypothesis takes naive bounds
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(seconds=st.integers(1, 10_000_000), instant=instants, anchor=st.none() | instants)
def test_every_stays_on_its_grid(seconds, instant, anchor):
    """
    The next time is later, at most one interval away, and a whole number of intervals from zero.
    """
    every = Every(seconds=seconds, anchor=anchor)

    found = every.next_after(instant)

    assert timedelta(0) < found - instant <= every.interval
    assert not (found - (anchor or datetime(1970, 1, 1, tzinfo=UTC))) % every.interval


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        pytest.param("0 9 * * *", "every day at 09:00 (UTC)", id="one time"),
        pytest.param("5 * * * *", "every hour at minute 5 (UTC)", id="every hour"),
        pytest.param("30 2 1 * *", "every month on the 1st at 02:30 (UTC)", id="day of the month"),
        pytest.param("@yearly", "every year in January on the 1st at 00:00 (UTC)", id="year"),
        pytest.param("@weekly", "every week on Sunday at 00:00 (UTC)", id="weekday"),
        pytest.param("0 0 * 1 *", "every day in January at 00:00 (UTC)", id="days of a month"),
        pytest.param("*/5 * * * *", "every 5 minutes (UTC)", id="minutes"),
        pytest.param("* 9 * * *", "every minute in hour 9 (UTC)", id="each minute"),
        pytest.param("0 */2 * * *", "every 2 hours at minute 0 (UTC)", id="hours"),
        pytest.param("5,35 * * * *", "every hour at minutes 5 and 35 (UTC)", id="off the grid"),
        pytest.param(
            "*/15 9-17 * * 1-5",
            "every 15 minutes on Monday to Friday in hours 9 to 17 (UTC)",
            id="office hours",
        ),
        pytest.param(
            "0,15,30,45 0 * * *",
            "every day at 00:00, 00:15, 00:30 and 00:45 (UTC)",
            id="few times",
        ),
    ],
)
def test_cron_in_words_says_no_seconds(expression, words):
    """
    A crontab is said in words, to the minute.
    """
    assert Cron(expression, timezone="UTC").describe() == words


@pytest.mark.parametrize("minute", ["*", "*/5", "5,35", "0", "0,15,30,45"])
@pytest.mark.parametrize("hour", ["*", "*/2", "9-17", "0"])
@pytest.mark.parametrize("days", ["* * *", "1 * *", "1 1 *", "* 1 *", "* * 1-5", "* 6 0"])
def test_words_of_a_crontab_are_of_the_same_times(minute, hour, days):
    """
    What is said, read as a rule, has the times of the crontab.
    """
    rule = Cron(f"{minute} {hour} {days}")._rule()
    start = datetime(2026, 1, 1, tzinfo=UTC)

    said = replace(_as_people_say(rule), by_second=(0,))

    assert list(said.occurrences(start, limit=40)) == list(rule.occurrences(start, limit=40))


@pytest.mark.parametrize(
    ("expression", "low", "high", "step"),
    [
        pytest.param("H * * * *", 0, 59, None, id="any"),
        pytest.param("H(10-20) * * * *", 10, 20, None, id="range"),
        pytest.param("H/15 * * * *", 0, 14, 15, id="step"),
        pytest.param("H(30-59)/10 * * * *", 30, 39, 10, id="step in a range"),
    ],
)
@given(name=st.text(max_size=20))
def test_h_stays_in_its_range_and_is_the_same_for_a_name(expression, low, high, step, name):
    """
    H becomes a number that its range allows, and the same one each time.
    """
    minute = Cron(expression).spread(name).minute

    first, _, interval = minute.partition("/")
    assert low <= int(first.partition("-")[0]) <= high
    assert interval == (str(step) if step else "")
    assert Cron(expression.lower()).spread(name).minute == minute
    assert Cron(f"{minute} * * * *").spread(name).minute == minute


def test_h_of_the_month_is_in_every_month():
    """
    A bare H for the day never picks one that February may lack.
    """
    days = {int(Cron("0 0 H * *").spread(str(n)).day_of_month) for n in range(500)}

    assert days == set(range(1, 29))


def test_h_has_no_time_before_it_has_a_name():
    """
    Asked for its next time without a name, a crontab with H says what is missing.
    """
    cron = Cron("H 3 * * *", timezone="UTC")

    assert str(cron) == cron.describe() == "H 3 * * * (UTC)"
    with pytest.raises(InvalidTriggerError, match="only a schedule's name gives a number"):
        cron.next_after(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "trigger",
    [
        Cron("@daily", timezone="Europe/Paris"),
        Every(minutes=90, anchor=datetime(2026, 1, 1, tzinfo=UTC)),
        Every(seconds=1.5),
        RRule("FREQ=DAILY", start="2026-01-05T09:00:00", timezone="UTC"),
        At(datetime(2030, 1, 1, tzinfo=UTC)),
        Solar("sunset", 48.85, 2.35),
    ],
    ids=str,
)
def test_trigger_comes_back_from_its_spec(trigger):
    """
    The plain values of a trigger, also through JSON, are enough to make it again.
    """
    assert trigger_from(json.loads(json.dumps(trigger.spec()))) == trigger


def test_spec_of_no_trigger_is_refused():
    """
    Values that no trigger gives are told as such.
    """
    with pytest.raises(InvalidTriggerError, match="is not what a trigger says of itself"):
        trigger_from({"moon": "full"})
