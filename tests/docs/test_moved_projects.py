"""Projects of other libraries, at work before they are moved here and afterwards."""

from __future__ import annotations

import json

import pytest

from tests.docs.test_moving_pages import blocks, project_with

pytestmark = pytest.mark.timeout(300)

REFUSED_BY_ONCE = """
from shop.tasks import sync_account

print(sync_account.delay(7).id is not None, sync_account.delay(7, full=True).id is None)
"""
REFUSED_BY_SINGLETON = """
from celery_singleton import clear_locks
from mysite.celery import app
from shop.tasks import sync_account

clear_locks(app)
first, second = sync_account.delay(7), sync_account.delay(7, full=True)
clear_locks(app)
print(first is not None, first.id == second.id)
"""
SKIPPED_BY_US = """
import json
from datetime import timedelta
from django.utils import timezone
from recurring_jobs.models import Run
from recurring_jobs.testing import Clock, Worker
from shop.tasks import sync_account

with Clock(timezone.now()), Worker() as worker:
    sent = [sync_account.delay(*args).id for args in [(7,), (7, True), (8,)]]
    states = lambda: [Run.objects.get(pk=each).state for each in sent]
    worker.run_due()
    between = states()
    worker.run_until(timezone.now() + timedelta(hours=2))
    print(json.dumps([between, states()]))
"""


def move_locks(project, before: str, refused: str) -> list[list[str]]:
    """Put our task in the place of the one of *before*; return the states of three calls."""
    project.type("python manage.py migrate -v 0")
    project.write("shop/tasks.py", before)
    assert project.python(refused).splitlines()[-1] == "True True"
    ours = blocks("move-from-celery-once.md")[1]
    # A run that waits for its retry is still one that others keep out of the way of.
    project.write("shop/tasks.py", ours.replace("return account_id", "raise ConnectionError"))
    states: list[list[str]] = json.loads(project.python(SKIPPED_BY_US).splitlines()[-1])
    return states


def test_project_of_celery_once(tmp_path):
    """
    A call that was swallowed while another had the lock is on record as skipped.
    """
    pytest.importorskip("celery_once", reason="not installed: pip install celery-once")
    project = project_with(tmp_path, "shop")
    files = {"backend": "celery_once.backends.File", "settings": {"location": str(tmp_path)}}
    project.write("mysite/celery.py", f"app.conf.ONCE = {files!r}\n", append=True)

    between, after = move_locks(project, blocks("move-from-celery-once.md")[0], REFUSED_BY_ONCE)

    assert between == ["retrying", "skipped", "retrying"]
    assert after == ["failed", "skipped", "failed"]


@pytest.mark.redis
def test_project_of_celery_singleton(tmp_path, redis_url):
    """
    A call that got the id of another one gets an id of its own, and is on record as skipped.
    """
    pytest.importorskip("celery_singleton", reason="not installed: pip install celery-singleton")
    project = project_with(tmp_path, "shop")
    project.write(
        "mysite/celery.py", f"app.conf.singleton_backend_url = {redis_url!r}\n", append=True
    )

    states = move_locks(project, blocks("move-from-celery-once.md")[2], REFUSED_BY_SINGLETON)

    assert states == [["retrying", "skipped", "retrying"], ["failed", "skipped", "failed"]]


TABLES = """
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

nine, _ = CrontabSchedule.objects.get_or_create(minute="0", hour="9", timezone="UTC")
often, _ = IntervalSchedule.objects.get_or_create(every=10, period="minutes")
PeriodicTask.objects.create(name="nine", task="shop.tasks.report", crontab=nine, args="[7]")
PeriodicTask.objects.create(name="often", task="shop.tasks.poll", interval=often)
PeriodicTask.objects.create(name="off", task="shop.tasks.poll", interval=often, enabled=False)
"""
TICK_OF_BEAT = """
from datetime import timedelta
from celery.utils.imports import symbol_by_name
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from mysite.celery import app

kept = dict(PeriodicTask.objects.order_by("name").values_list("name", "total_run_count"))
PeriodicTask.objects.filter(name="often").update(last_run_at=timezone.now() - timedelta(hours=1))
beat = symbol_by_name(app.conf.beat_scheduler)(app)
for _ in range(4):
    beat.tick()

beat.sync()
more = dict(PeriodicTask.objects.order_by("name").values_list("name", "total_run_count"))
print(kept, {name: more[name] - kept[name] for name in ("often", "off")})
"""
DAY_HERE = """
import json
from collections import Counter
from datetime import UTC, datetime
from django_celery_beat.models import PeriodicTask
from recurring_jobs.testing import check_ledger, run_until

start = datetime(2027, 3, 2, 8, 5, tzinfo=UTC)
made = run_until(datetime(2027, 3, 2, 9, 5, tzinfo=UTC), start=start)
in_time = [each for each in made if each.fire.nominal_at > start]
print(json.dumps([
    [[each.result, f"{each.at:%H:%M}"] for each in in_time if each.result == 7],
    sum(each.result == "polled" for each in in_time),
]))
check_ledger()
"""


def test_project_of_django_celery_beat(tmp_path):
    """
    Its rows are fired as they are; with the old scheduler back, it counts on from ours.
    """
    there, back = blocks("move-from-celery-beat.md")
    project = project_with(tmp_path, "shop")
    theirs = (tmp_path / "mysite/settings.py").read_text().replace('"recurring_jobs", ', "")
    old = "CELERY_BEAT_SCHEDULER = 'django_celery_beat.schedulers:DatabaseScheduler'\n"
    project.write("mysite/settings.py", theirs + old)
    project.write(
        "shop/tasks.py",
        "from celery import shared_task\n"
        "@shared_task\ndef report(days): return days\n"
        "@shared_task\ndef poll(): return 'polled'\n",
    )
    project.type("python manage.py migrate -v 0")
    project.python(TABLES)
    assert project.python(TICK_OF_BEAT).splitlines()[-1].endswith("{'often': 1, 'off': 0}")

    # The page's list stands for the whole of theirs.
    new = there.replace("INSTALLED_APPS = [\n", "INSTALLED_APPS = [*_OTHERS,\n")
    others = "_OTHERS = [a for a in INSTALLED_APPS if not a.startswith('django_celery')]\n"
    project.write("mysite/settings.py", theirs + others + new)
    project.type_all(blocks("move-from-celery-beat.md", "console")[0])
    nine, polled = json.loads(project.python(DAY_HERE).splitlines()[-1])
    project.write("mysite/settings.py", f"\n{back}", append=True)
    counted_on = project.python(TICK_OF_BEAT).splitlines()[-1]

    assert (nine, polled) == ([[7, "09:00"]], 6)
    assert counted_on.endswith("{'often': 1, 'off': 0}")
    assert "'nine': 1, 'off': 0" in counted_on
