from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurring_jobs.periodic.policy import (
    MAX_BUFFERED,
    MAX_CATCHUP,
    Decision,
    Dispatch,
    MisfirePolicy,
    Pending,
    Taken,
    decide,
    dispatch,
    jitter_offset,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def every(step: timedelta):
    """Return a next_after on the grid of *step* through NOON."""

    def next_after(instant: datetime) -> datetime:
        return NOON + step * ((instant - NOON) // step + 1)

    return next_after


def hours(*values: int) -> list[datetime]:
    return [NOON + timedelta(hours=value) for value in values]


def test_time_just_reached_is_fired_under_every_policy():
    """
    A time that is a few seconds old is no misfire: it is fired, whatever the policy.
    """
    decisions = {
        decide(
            NOON,
            now=NOON + timedelta(seconds=5),
            next_after=every(timedelta(hours=1)),
            policy=MisfirePolicy(misfire),
        )
        for misfire in ("latest", "earliest", "all", "skip")
    }

    assert decisions == {Decision((Taken(NOON),), None, NOON + timedelta(hours=1))}


@pytest.mark.parametrize(
    ("misfire", "taken", "missed"),
    [
        pytest.param("latest", [Taken(NOON + timedelta(hours=3), 4)], None, id="latest"),
        pytest.param("earliest", [Taken(NOON, 4)], None, id="earliest"),
        pytest.param("all", [Taken(at) for at in hours(0, 1, 2, 3)], None, id="all"),
        pytest.param("skip", [], Taken(NOON + timedelta(hours=3), 4), id="skip"),
    ],
)
def test_four_missed_hours_follow_the_policy(misfire, taken, missed):
    """
    After beat was away over four hourly times, the policy says which of them are fired.
    """
    now = NOON + timedelta(hours=3, minutes=30)

    decision = decide(
        NOON, now=now, next_after=every(timedelta(hours=1)), policy=MisfirePolicy(misfire)
    )

    assert decision == Decision(tuple(taken), missed, NOON + timedelta(hours=4))


def test_all_takes_the_newest_ten_and_counts_the_rest():
    """
    ``all`` is bounded: the newest MAX_CATCHUP times are fired, the older ones recorded.
    """
    now = NOON + timedelta(hours=19, minutes=30)

    decision = decide(
        NOON, now=now, next_after=every(timedelta(hours=1)), policy=MisfirePolicy("all")
    )

    assert [each.nominal_at for each in decision.taken] == hours(*range(10, 20))
    assert len(decision.taken) == MAX_CATCHUP
    assert decision.missed == Taken(NOON + timedelta(hours=9), 10)


def test_times_before_the_catchup_window_are_dropped_on_record():
    """
    Of daily times missed for a week, only the one of the last day stands in the catch-up.
    """
    now = NOON + timedelta(days=7, hours=1)

    decision = decide(NOON, now=now, next_after=every(timedelta(days=1)))

    assert decision.taken == (Taken(NOON + timedelta(days=7)),)
    assert decision.missed == Taken(NOON + timedelta(days=6), 7)


def test_latest_prefers_the_time_that_is_on_time():
    """
    When the newest time is only seconds old, it is fired once and stands for the late ones.
    """
    now = NOON + timedelta(hours=2, seconds=10)

    decision = decide(NOON, now=now, next_after=every(timedelta(hours=1)))

    assert decision.taken == (Taken(NOON + timedelta(hours=2), 3),)


def test_long_outage_over_seconds_is_bounded():
    """
    A schedule of every second that was away for ten hours still fires its newest time.
    """
    calls = 0
    now = NOON + timedelta(hours=10)

    def counted(instant: datetime) -> datetime:
        nonlocal calls
        calls += 1
        return every(timedelta(seconds=1))(instant)

    decision = decide(NOON, now=now, next_after=counted)

    assert decision.taken[-1].nominal_at == now
    assert decision.next_fire_at == now + timedelta(seconds=1)
    assert calls < 10_100


def test_end_of_the_schedule_is_the_end():
    """
    When no time follows, there is nothing to look at again.
    """
    decision = decide(NOON, now=NOON, next_after=lambda _instant: None)

    assert decision == Decision((Taken(NOON),), None, None)


@given(
    minutes=st.integers(1, 90),
    late=st.integers(0, 60 * 60 * 40),
    misfire=st.sampled_from(["latest", "earliest", "all", "skip"]),
)
def test_every_time_is_taken_stood_for_or_missed_once(minutes, late, misfire):
    """
    No time is lost and none counted twice: what is taken and missed adds up to what was due.
    """
    step = timedelta(minutes=minutes)
    now = NOON + timedelta(seconds=late)

    decision = decide(NOON, now=now, next_after=every(step), policy=MisfirePolicy(misfire))

    counted = sum(each.stands_for for each in decision.taken)
    counted += decision.missed.stands_for if decision.missed else 0
    assert counted == (now - NOON) // step + 1
    assert decision.next_fire_at is not None
    assert decision.next_fire_at > now


@pytest.mark.parametrize(
    ("policy", "taken", "missed"),
    [
        pytest.param(
            MisfirePolicy("skip", grace=timedelta(hours=2)),
            [Taken(at) for at in hours(2, 3)],
            Taken(NOON + timedelta(hours=1), 2),
            id="grace makes a late time on time",
        ),
        pytest.param(
            MisfirePolicy("earliest", catchup_window=timedelta(hours=2)),
            [Taken(NOON + timedelta(hours=2), 2)],
            Taken(NOON + timedelta(hours=1), 2),
            id="window drops the oldest",
        ),
        pytest.param(
            MisfirePolicy("all", max_catchup=1),
            [Taken(NOON + timedelta(hours=3))],
            Taken(NOON + timedelta(hours=2), 3),
            id="all takes the newest one",
        ),
        pytest.param(
            MisfirePolicy("all", max_catchup=0),
            [],
            Taken(NOON + timedelta(hours=3), 4),
            id="all may take none",
        ),
        pytest.param(
            MisfirePolicy("latest", catchup_window=timedelta(0)),
            [],
            Taken(NOON + timedelta(hours=3), 4),
            id="no window at all",
        ),
    ],
)
def test_bounds_of_a_schedule_count(policy, taken, missed):
    """
    Grace, window and the most to catch up are the schedule's own, and what they cut is counted.
    """
    now = NOON + timedelta(hours=3, minutes=30)

    decision = decide(NOON, now=now, next_after=every(timedelta(hours=1)), policy=policy)

    assert decision == Decision(tuple(taken), missed, NOON + timedelta(hours=4))


def pending(*overlaps: str) -> list[Pending]:
    """Number fires from 1, each with what counts for it."""
    return [Pending(number, overlap) for number, overlap in enumerate(overlaps, start=1)]


@pytest.mark.parametrize(
    ("overlaps", "is_running", "expected"),
    [
        pytest.param(["allow", "allow"], True, Dispatch(start=(1, 2)), id="allow starts beside"),
        pytest.param(["skip"], False, Dispatch(start=(1,)), id="skip starts when free"),
        pytest.param(["skip"], True, Dispatch(skip=(1,)), id="skip when busy"),
        pytest.param(
            ["skip", "skip"], False, Dispatch(start=(1,), skip=(2,)), id="skip starts one of two"
        ),
        pytest.param(
            ["buffer_one"] * 3,
            True,
            Dispatch(wait=(1,), skip=(2, 3)),
            id="buffer one",
        ),
        pytest.param(
            ["buffer_one"] * 3,
            False,
            Dispatch(start=(1,), wait=(2,), skip=(3,)),
            id="buffer one after a start",
        ),
        pytest.param(["buffer_all"] * 3, True, Dispatch(wait=(1, 2, 3)), id="buffer all"),
        pytest.param(
            ["buffer_all"] * 3, False, Dispatch(start=(1,), wait=(2, 3)), id="buffer all, in turn"
        ),
        pytest.param(
            ["cancel_other"] * 2,
            True,
            Dispatch(wait=(2,), skip=(1,), stop="cancel"),
            id="cancel keeps the newest",
        ),
        pytest.param(
            ["cancel_other"] * 2, False, Dispatch(start=(2,), skip=(1,)), id="cancel when free"
        ),
        pytest.param(
            ["terminate_other"], True, Dispatch(wait=(1,), stop="terminate"), id="terminate"
        ),
        pytest.param(
            ["allow", "skip"], False, Dispatch(start=(1,), skip=(2,)), id="allow makes busy"
        ),
        pytest.param(
            ["buffer_all", "skip"],
            True,
            Dispatch(wait=(1,), skip=(2,)),
            id="an edit counts for what waits",
        ),
    ],
)
def test_overlap_decides_over_what_is_pending(overlaps, is_running, expected):
    """
    Each policy does with the pending fires of a schedule what its meaning says.
    """
    assert dispatch(pending(*overlaps), is_running=is_running) == expected


def test_buffer_is_bounded_for_what_the_schedule_makes():
    """
    Beyond MAX_BUFFERED waiting fires, those of the schedule are dropped, a backfill's not.
    """
    fires = [Pending(number, "buffer_all") for number in range(MAX_BUFFERED + 2)]
    fires.append(Pending(-1, "buffer_all", is_automatic=False))

    decision = dispatch(fires, is_running=True)

    assert decision.drop == (MAX_BUFFERED, MAX_BUFFERED + 1)
    assert len(decision.wait) == MAX_BUFFERED + 1


@given(
    overlaps=st.lists(
        st.sampled_from(["skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other"])
    ),
    is_running=st.booleans(),
)
def test_every_pending_fire_has_one_fate_and_none_runs_beside_another(overlaps, is_running):
    """
    Each fire is started, kept, skipped or dropped once; without ``allow`` at most one starts.
    """
    decision = dispatch(pending(*overlaps), is_running=is_running)

    fates = [*decision.start, *decision.wait, *decision.skip, *decision.drop]
    assert sorted(fates) == list(range(1, len(overlaps) + 1))
    assert len(decision.start) <= (0 if is_running else 1)
    assert bool(decision.start) == (bool(overlaps) and not is_running)


@given(seconds=st.integers(0, 10**6), jitter=st.integers(0, 7200), gap=st.integers(1, 7200))
def test_jitter_stays_within_its_bounds(seconds, jitter, gap):
    """
    The offset is the same each time, below the jitter, and never reaches the next fire.
    """
    nominal = NOON + timedelta(seconds=seconds)
    bounds = {"jitter": timedelta(seconds=jitter), "following": nominal + timedelta(seconds=gap)}

    offset = jitter_offset("7:report", nominal, **bounds)

    assert offset == jitter_offset("7:report", nominal, **bounds)
    assert timedelta(0) <= offset <= min(timedelta(seconds=jitter), timedelta(seconds=gap))
    assert nominal + offset < nominal + timedelta(seconds=gap)


def test_jitter_spreads_schedules():
    """
    A hundred schedules of one moment are spread over the whole of the jitter.
    """
    minute = timedelta(minutes=1)
    offsets = {
        jitter_offset(f"{number}:report", NOON, jitter=minute, following=None) // (minute / 4)
        for number in range(100)
    }

    assert offsets == {0, 1, 2, 3}
