from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recurring_jobs.runs.backoff import delay_before

retries = st.integers(min_value=1, max_value=10_000)
seconds = st.floats(min_value=0, max_value=1e6, allow_nan=False)
fractions = st.floats(min_value=0, max_value=1, exclude_max=True)


def test_the_wait_doubles_up_to_the_maximum():
    """
    Without jitter the waits are base, twice that, four times that, and then the maximum.
    """
    waits = [
        delay_before(retry, base=0.25, maximum=1.5, jitter=False, random=float)
        for retry in range(1, 6)
    ]

    assert waits == [0.25, 0.5, 1.0, 1.5, 1.5]


@given(retry=retries, base=seconds, maximum=seconds, chance=fractions)
def test_jitter_draws_between_nothing_and_the_full_wait(retry, base, maximum, chance):
    """
    With jitter a wait is the drawn share of what it is without.
    """
    full = delay_before(retry, base=base, maximum=maximum, jitter=False, random=float)
    drawn = delay_before(retry, base=base, maximum=maximum, jitter=True, random=lambda: chance)

    assert drawn == full * chance
    assert 0 <= drawn <= full <= maximum


@given(retry=retries, base=seconds, maximum=seconds)
def test_a_later_retry_never_waits_less(retry, base, maximum):
    """
    Without jitter the waits never shrink, and no number of retries overflows.
    """
    this, following = (
        delay_before(each, base=base, maximum=maximum, jitter=False, random=float)
        for each in (retry, retry + 1)
    )

    assert this <= following
