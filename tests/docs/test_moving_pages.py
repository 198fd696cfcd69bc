"""The pages on moving here, each tried on a small project of that kind."""

from __future__ import annotations

import json
import re
from itertools import combinations
from uuid import uuid4

import pytest
from celery import Celery

from recurring_jobs.runs.overlap import overlap_key
from tests.docs.examples import DOCS
from tests.docs.project import Project

pytestmark = pytest.mark.timeout(300)

SETTINGS = """
INSTALLED_APPS += ["django_celery_beat", "django_celery_results", "recurring_jobs", "{app}"]
CELERY_BROKER_URL = "memory://"
CELERY_RESULT_BACKEND = "cache+memory://"
"""
CELERY = """
import os
from celery import Celery
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
app = Celery("mysite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
"""


def blocks(page: str, language: str = "python") -> list[str]:
    """Return the code of *page*, block by block."""
    text = (DOCS / "how-to" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def project_with(folder, app: str) -> Project:
    """Make a project with Celery and an app, as its owner may have it."""
    project = Project(folder)
    project.type(f"django-admin startproject mysite . && python manage.py startapp {app}")
    project.write("mysite/settings.py", SETTINGS.format(app=app), append=True)
    project.write("mysite/celery.py", CELERY)
    project.write("mysite/__init__.py", "from mysite.celery import app as celery_app\n")
    return project


def test_schedule_in_the_settings_is_taken_over(tmp_path):
    """
    With the dictionary as it was, its entries are stored, and fire with their arguments.
    """
    project = project_with(tmp_path, "shop")
    project.write("mysite/settings.py", blocks("move-from-settings.md")[0], append=True)
    project.write(
        "shop/tasks.py",
        "from celery import shared_task\n"
        "@shared_task\ndef report(days): return days\n"
        "@shared_task\ndef poll(): return 'polled'\n",
    )

    project.type_all(blocks("move-from-settings.md", "console")[0])
    said = project.python(
        "import json\n"
        "from datetime import UTC, datetime\n"
        "from recurring_jobs.testing import run_until\n"
        "made = run_until(datetime(2026, 3, 2, 3, tzinfo=UTC),"
        " start=datetime(2026, 3, 2, 2, 12, tzinfo=UTC))\n"
        "print(json.dumps([[a.at.strftime('%H:%M'), a.task, a.result] for a in made]))\n"
    )

    ran = json.loads(said.splitlines()[-1])
    assert ["02:30", "shop.tasks.report", 7] in ran
    assert [at for at, task, _result in ran if task == "shop.tasks.poll"] == [
        f"02:{minute}" for minute in range(15, 60, 5)
    ] + ["03:00"]
    assert "2 unchanged." in project.type("python manage.py setup_periodic_tasks --check")


CALLS = [((7,), {}), ((7, True), {}), ((8,), {}), ((), {"account_id": 7}), ((8,), {"full": True})]


def key_of(task, args, kwargs):
    return overlap_key(task, args, kwargs)


def task_of(code: str, monkeypatch):
    """Return the task that *code* of a page defines, on an app of its own."""
    app = Celery("made", broker="memory://", backend="redis://", set_as_current=False)
    app.conf.ONCE = {"backend": "celery_once.backends.Redis", "settings": {"url": "redis://"}}
    monkeypatch.setattr("celery.shared_task", lambda **options: app.task(shared=False, **options))
    # Of its own name: an app that is finalised gets the shared tasks of all other tests.
    module = f"page_{uuid4().hex}"
    names: dict[str, object] = {"__name__": module}
    exec(compile(code, module, "exec"), names)
    app.finalize()
    return app.tasks[f"{module}.sync_account"]


@pytest.mark.parametrize("library", ["celery_once", "celery_singleton"])
def test_the_same_calls_exclude_each_other(library, monkeypatch):
    """
    Two calls had one lock before exactly where they have one here.
    """
    pytest.importorskip(library, reason=f"{library} is not installed: pip install {library}")
    once, ours, singleton, *_ = blocks("move-from-celery-once.md")
    before = task_of(once if library == "celery_once" else singleton, monkeypatch)
    after = task_of(ours, monkeypatch)

    def old_key(args, kwargs):
        if library == "celery_once":
            return before.get_key(args, kwargs)
        return before.generate_lock(before.name, list(args), kwargs)

    def partition(key):
        return [key(*one) == key(*other) for one, other in combinations(CALLS, 2)]

    assert partition(lambda args, kwargs: key_of(after, args, kwargs)) == partition(old_key)


def test_rules_of_django_recurrence_are_moved(tmp_path):
    """
    What can be moved gives the same times as before, and what cannot is named.
    """
    pytest.importorskip("recurrence", reason="not installed: pip install django-recurrence")
    old, new, move = blocks("move-from-django-recurrence.md")
    project = project_with(tmp_path, "todo")
    project.write("mysite/settings.py", 'INSTALLED_APPS += ["recurrence"]\n', append=True)
    project.write("todo/models.py", old)
    project.type("python manage.py makemigrations -v 0 && python manage.py migrate -v 0")
    project.python(
        "import recurrence\n"
        "from recurrence import Recurrence, Rule\n"
        "from datetime import UTC, datetime\n"
        "from todo.models import Task\n"
        "start = datetime(2026, 1, 5, 9, tzinfo=UTC)\n"
        "def add(*rules, **more):\n"
        "    Task.objects.create(title='a', due_at=start,"
        " recurrences=Recurrence(rrules=rules, **more))\n"
        "\n"
        "add(Rule(recurrence.WEEKLY, byday=[recurrence.MO, recurrence.FR]),"
        " exdates=[datetime(2026, 1, 9, 9, tzinfo=UTC)])\n"
        "add(Rule(recurrence.MONTHLY, bymonthday=[5]),"
        " rdates=[datetime(2026, 1, 7, 9, tzinfo=UTC)])\n"
        "add(Rule(recurrence.DAILY), Rule(recurrence.MONTHLY, byday=[recurrence.FR(-1)]))\n"
        "add(Rule(recurrence.DAILY), exrules=[Rule(recurrence.WEEKLY, byday=[recurrence.SU])])\n"
    )

    project.write("todo/models.py", new)
    project.type_all(blocks("move-from-django-recurrence.md", "console")[0])
    project.write("todo/moving.py", move)
    said = project.python(
        "import json\n"
        "from datetime import UTC, datetime, timedelta\n"
        "from todo.models import Task\n"
        "from todo.moving import move_rules\n"
        "left = move_rules(Task, 'UTC')\n"
        "a, b = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)\n"
        "same = {}\n"
        "for row in Task.objects.all():\n"
        "    old = row.recurrences.between(a, b, dtstart=row.due_at, inc=True)\n"
        "    same[row.pk] = list(old) == row.occurrences_between(a, b)\n"
        "\n"
        "print(json.dumps([left, same]))\n"
    )

    left, same = json.loads(said.splitlines()[-1])
    assert same == {"1": True, "2": True, "3": False, "4": False}
    assert "is a second one" in left["3"]
    assert "EXRULE" in left["4"]
