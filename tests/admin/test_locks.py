"""The page of locks: what is held is seen, and broken by those who may."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from recurring_jobs.models import TaskLock
from tests.admin.rows import PAYLOAD, make_lock, make_run

pytestmark = pytest.mark.django_db

LIST = "admin:recurring_jobs_tasklock_changelist"


def test_the_list_shows_who_is_at_work(boss):
    """
    A held lock is shown with its key, its worker and a link to its run; a free one is not.
    """
    run = make_run("running")
    make_lock(owner=run.pk)
    make_lock(owner="", worker="", key="nobody has it")

    page = boss.get(reverse(LIST)).content.decode()

    assert "{&quot;account&quot;: 1}" in page
    assert "w1@host:17" in page
    assert reverse("admin:recurring_jobs_run_change", args=[run.pk]) in page
    assert "nobody has it" not in page
    assert "nobody has it" in boss.get(reverse(LIST), {"held": "all"}).content.decode()


def test_queries_do_not_grow_with_locks(boss):
    """
    The runs of a page of locks are read at once; each is linked by the beginning of its id.
    """
    counts = []
    for number in range(3):
        run = make_run("running")
        make_lock(key=str(number), owner=run.pk)
        if number in {0, 2}:
            with CaptureQueriesContext(connection) as queries:
                html = boss.get(reverse(LIST)).content.decode()
            counts.append(len(queries))

    assert counts[0] == counts[1]
    assert f'/run/{run.pk}/change/">{run.pk[:8]}</a>' in html


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "at work"),
        ({"worker": ""}, "between attempts"),
        ({"lease_until": timezone.now() - timedelta(hours=1)}, "lease over"),
        ({"owner": ""}, "free"),
    ],
    ids=["at work", "waits to retry", "killed", "free"],
)
def test_the_state_is_in_words(boss, fields, words):
    """
    A lock says whether its run is at work, between two attempts, or dead.
    """
    lock = make_lock(**fields)

    page = boss.get(reverse("admin:recurring_jobs_tasklock_change", args=[lock.pk]))

    assert f">{words}</span>" in page.content.decode()


def test_breaking_asks_first_and_is_on_record(boss):
    """
    The button asks; the confirmation frees the lock and leaves a LogEntry.
    """
    lock = make_lock(owner="run-1")
    url = reverse("admin:recurring_jobs_tasklock_break", args=[lock.pk])

    asked = boss.post(url).content.decode()
    assert "another may begin beside it" in asked
    assert TaskLock.objects.get().owner == "run-1"

    boss.post(url, {"confirmed": "yes"})
    assert TaskLock.objects.get().owner == ""
    entry = LogEntry.objects.get()
    assert "was taken from run run-1." in entry.get_change_message()


def test_a_freed_lock_is_not_broken(boss):
    """
    Where the run has ended meanwhile, nothing is done, and the person is told.
    """
    lock = make_lock(owner="")
    url = reverse("admin:recurring_jobs_tasklock_break", args=[lock.pk])

    answer = boss.post(url, {"confirmed": "yes"}, follow=True).content.decode()

    assert "has changed since you looked. Nothing was done." in answer
    assert not LogEntry.objects.exists()


def test_a_hostile_key_is_text(boss):
    """
    What a key holds is shown, not run.
    """
    lock = make_lock(key=PAYLOAD, task="<b>", worker=PAYLOAD)

    for url in (reverse(LIST), reverse("admin:recurring_jobs_tasklock_change", args=[lock.pk])):
        page = boss.get(url).content.decode()
        assert "<img src=x" not in page
        assert "&lt;img src=x" in page
