from __future__ import annotations

import pytest

from recurring_jobs.admin import bases
from recurring_jobs.models import Run
from tests.admin.rows import make_run

pytestmark = pytest.mark.django_db

URL = "/admin/recurring_jobs/run/"
MORE = "There are more than are listed here"


def test_long_list_is_cut_and_says_so(boss, monkeypatch):
    """Of more rows than a list holds, no more are counted, and the page says that there are."""
    monkeypatch.setattr(bases, "LONGEST_LIST", 3)
    for number in range(5):
        make_run(id=f"run-{number}")

    html = boss.get(URL).content.decode()

    assert "3 runs" in html
    assert MORE in html


def test_list_that_is_whole_says_nothing(boss, monkeypatch):
    """As many rows as a list holds are a whole list."""
    monkeypatch.setattr(bases, "LONGEST_LIST", 3)
    for number in range(3):
        make_run(id=f"run-{number}")

    html = boss.get(URL).content.decode()

    assert "3 runs" in html
    assert MORE not in html


def test_id_is_found_without_a_look_at_other_columns(boss, django_assert_max_num_queries):
    """A task id finds its run alone, even where another run has it as its root."""
    make_run(id="run-1", task="host.first")
    make_run(id="run-2", root_id="run-1", task="host.second")

    html = boss.get(URL, {"q": "run-1"}).content.decode()
    by_name = boss.get(URL, {"q": "host.s"}).content.decode()

    assert ("1 run\n" in html, "host.first" in html) == (True, True)
    assert "run-2" in by_name or "host.second" in by_name


def test_runs_are_read_by_an_index():
    """The newest runs of a large table are told by an index, and not sorted."""
    indexed = [index.fields for index in Run._meta.indexes]

    assert ["created_at"] in indexed
