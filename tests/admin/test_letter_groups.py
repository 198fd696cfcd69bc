from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from recurring_jobs.admin import letter_groups
from recurring_jobs.admin.letter_groups import open_groups
from recurring_jobs.models import DeadLetter
from tests.admin.rows import PAYLOAD, make_letter

pytestmark = pytest.mark.django_db

LIST = "/admin/recurring_jobs/deadletter/"


@pytest.fixture
def letters():
    """Three of one task and exception, one of another exception, one that was discarded."""
    now = timezone.now().replace(microsecond=0)
    for hours in (1, 2, 3):
        make_letter(task="shop.charge", exception_type="OSError", failed_at=now - _hours(hours))
    make_letter(task="shop.charge", exception_type="KeyError", failed_at=now)
    make_letter(task="shop.charge", exception_type="KeyError", state="discarded")
    return now


def _hours(number: int) -> timedelta:
    return timedelta(hours=number)


def test_open_letters_are_counted_by_task_and_exception(letters):
    """
    Each pair of task and exception is one group, the most frequent first, closed ones aside.
    """
    groups = open_groups(DeadLetter.objects.all())

    assert not groups.is_cut
    assert [(each.task, each.exception_type, each.count) for each in groups.rows] == [
        ("shop.charge", "OSError", 3),
        ("shop.charge", "KeyError", 1),
    ]
    assert (groups.rows[0].first_at, groups.rows[0].last_at) == (
        letters - _hours(3),
        letters - _hours(1),
    )


def test_only_the_newest_are_counted(letters, monkeypatch):
    """
    Beyond a number of letters and of groups the rest is left out, and that is said.
    """
    monkeypatch.setattr(letter_groups, "LETTERS_COUNTED", 2)

    groups = open_groups(DeadLetter.objects.all())

    assert groups.is_cut
    assert sorted((each.exception_type, each.count) for each in groups.rows) == [
        ("KeyError", 1),
        ("OSError", 1),
    ]


def test_a_group_leads_to_its_letters(boss, letters):
    """
    The link of a group lists its letters, to be sent again or discarded at once.
    """
    page = boss.get(LIST)
    group = page.context["letter_groups"].rows[0]
    listed = boss.get(LIST + group.query)

    assert group.query in page.content.decode().replace("&amp;", "&")
    assert listed.context["letter_groups"] is None
    found = {each.exception_type for each in listed.context["cl"].result_list}
    assert (found, len(listed.context["cl"].result_list)) == ({"OSError"}, 3)


def test_hostile_names_are_escaped(boss):
    """
    Task and exception come from messages: they are text on the page, and nothing else.
    """
    make_letter(task=PAYLOAD[:80], exception_type=PAYLOAD[:80])

    assert "<img src=x" not in boss.get(LIST).content.decode()


def test_without_open_letters_there_is_no_table(boss):
    """
    The page begins with the list where nothing is open.
    """
    assert "recurring-jobs-letter-groups" not in boss.get(LIST).content.decode()
