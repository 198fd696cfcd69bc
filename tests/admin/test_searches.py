"""A search for a part of a name reads the table once, and finds what Django's would."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from recurring_jobs.admin import bases
from recurring_jobs.admin.schedules import ScheduleAdmin
from tests.admin.rows import make_schedule

pytestmark = pytest.mark.django_db

SCHEDULES = "/admin/recurring_jobs/schedule/"
TASKS = "/admin/django_celery_beat/periodictask/"
MORE = "There are more than are listed here"


def names(answer) -> list[str]:
    """Return the names of the rows in the list *answer*, in its order."""
    rows = answer.context["cl"].result_list
    return [str(getattr(row, "periodic_task", row).name) for row in rows]


@pytest.fixture
def two_a_page(monkeypatch):
    monkeypatch.setattr(ScheduleAdmin, "list_per_page", 2)


@pytest.mark.parametrize("url", [SCHEDULES, TASKS], ids=["schedules", "periodic-tasks"])
@pytest.mark.parametrize("count", [1, 3], ids=["one", "three"])
def test_names_are_read_once(boss, url, count):
    """
    Of the queries that look into names, all but one name the rows that were found.
    """
    for number in range(count):
        make_schedule(f"nightly {number}")

    with CaptureQueriesContext(connection) as queries:
        answer = boss.get(url, {"q": "night"})

    looking = [each["sql"] for each in queries if "LIKE" in each["sql"]]
    assert len(names(answer)) == count
    assert [" IN (" in sql for sql in looking].count(False) == 1


def test_filter_order_and_page_hold(boss, two_a_page):
    """
    The second page of a search within a filter, in the order that was asked for.
    """
    for number in range(7):
        make_schedule(f"nightly {number}", enabled=number % 2 == 0)
    make_schedule("daily 2")
    asked = {"q": "night", "state": "enabled", "o": "-1"}

    first, second = (boss.get(SCHEDULES, {**asked, "p": page}) for page in ("1", "2"))

    assert names(first) == ["nightly 6", "nightly 4"]
    assert names(second) == ["nightly 2", "nightly 0"]
    assert second.context["cl"].result_count == 4


def test_every_word_is_looked_for_in_each_column(boss):
    """
    In any case, in the name of the schedule or in that of its task.
    """
    for name in ("nightly orders", "nightly report", "orders"):
        make_schedule(name)

    found = {words: names(boss.get(SCHEDULES, {"q": words})) for words in ("ORDERS night", "host")}

    assert found == {
        "ORDERS night": ["nightly orders"],
        "host": ["nightly orders", "nightly report", "orders"],
    }


def test_nothing_found_is_an_empty_list(boss):
    """
    The list says that there is none, and fails for no page number.
    """
    make_schedule()

    answer = boss.get(SCHEDULES, {"q": "weekly"})

    assert (answer.status_code, names(answer)) == (200, [])
    assert "0 schedules" in answer.content.decode()


def test_page_past_the_last_leads_back(boss, two_a_page):
    """
    As it does without a search.
    """
    for number in range(3):
        make_schedule(f"nightly {number}")

    assert boss.get(SCHEDULES, {"q": "night", "p": "7"}).status_code == 302


def test_all_that_were_found_are_shown(boss, two_a_page):
    """
    "Show all" shows more than a page.
    """
    for number in range(3):
        make_schedule(f"nightly {number}")

    answer = boss.get(SCHEDULES, {"q": "night", "all": ""})

    assert names(answer) == ["nightly 0", "nightly 1", "nightly 2"]


def test_search_that_finds_too_many_is_cut_and_says_so(boss, monkeypatch):
    """
    As a list without a search: in its order, no more are counted than it holds.
    """
    monkeypatch.setattr(bases, "LONGEST_LIST", 3)
    for number in range(5):
        make_schedule(f"nightly {number}")

    answer = boss.get(SCHEDULES, {"q": "night", "all": ""})

    html = answer.content.decode()
    assert names(answer) == ["nightly 0", "nightly 1", "nightly 2"]
    assert ("3 schedules" in html, MORE in html) == (True, True)
