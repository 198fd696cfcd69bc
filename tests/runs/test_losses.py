from __future__ import annotations

import pytest

from recurring_jobs.exceptions import InvalidTaskOptionError
from recurring_jobs.runs.losses import OnLost, on_loss
from tests.host import tasks


@pytest.mark.parametrize(
    ("wanted", "crashes", "is_sendable", "outcome"),
    [
        pytest.param("retry", 1, True, "retry", id="the first crash"),
        pytest.param("retry", 2, True, "retry", id="the last that is borne"),
        pytest.param("retry", 3, True, "dead_letter", id="one too many"),
        pytest.param("retry", 9, True, "dead_letter", id="far too many"),
        pytest.param("retry", 1, False, "dead_letter", id="arguments that are not stored"),
        pytest.param("dead_letter", 1, True, "dead_letter", id="at once"),
        pytest.param("lost", 9, False, "lost", id="shown only"),
    ],
)
def test_what_becomes_of_a_lost_run(wanted, crashes, is_sendable, outcome):
    """
    A run goes on while it may crash and can be sent; then it is a dead letter.
    """
    decided = on_loss(OnLost(wanted), crashes=crashes, max_crashes=3, is_sendable=is_sendable)

    assert decided.value == outcome


class TestOptions:
    """Where ``on_lost`` and ``max_crashes`` come from, and what they may be."""

    def test_each_is_ours_unless_somebody_says_otherwise(self):
        """
        A task of the base class is sent again, and may lose its worker three times.
        """
        assert (tasks.add.on_lost, tasks.add.max_crashes) == ("retry", 3)

    def test_the_nearest_wins_each_on_its_own(self, failing, settings):
        """
        The decorator wins over the settings, and what it does not say comes from them.
        """
        settings.RECURRING_JOBS = {"RETRY": {"on_lost": "dead_letter", "max_crashes": 5}}

        task = failing(max_crashes=1)

        assert (task.on_lost, task.max_crashes) == ("dead_letter", 1)

    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            (
                {"on_lost": "again"},
                "on_lost is 'again'. Give one of 'retry', 'dead_letter', 'lost'.",
            ),
            ({"on_lost": None}, "on_lost is None. Give one of 'retry', 'dead_letter', 'lost'."),
            ({"max_crashes": 0}, "max_crashes is 0. Give a whole number, at least 1."),
            ({"max_crashes": True}, "max_crashes is True. Give a whole number, at least 1."),
        ],
        ids=["unknown", "none", "zero", "a boolean"],
    )
    def test_what_cannot_be_is_refused_where_the_task_is_defined(self, failing, options, problem):
        """
        The error names the task and the option, and says what to give.
        """
        with pytest.raises(InvalidTaskOptionError) as caught:
            failing(name="made.wrong", **options)

        assert "'made.wrong'" in str(caught.value)
        assert str(caught.value).endswith(problem)
