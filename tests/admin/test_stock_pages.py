"""The pages that django-celery-beat and -results bring give way to ours."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.contrib import admin
from django.contrib.admin.sites import all_sites
from django.core.checks import run_checks
from django_celery_beat.admin import PeriodicTaskAdmin as StockPeriodicTaskAdmin
from django_celery_beat.models import CrontabSchedule, PeriodicTask
from django_celery_results.models import GroupResult, TaskResult

from recurring_jobs.admin import CrontabScheduleAdmin, PeriodicTaskAdmin, TaskResultAdmin
from recurring_jobs.admin.stock import replace_stock_admin

OURS_IN_ANY_ORDER = """
import django
from django.conf import settings
import tests.host.settings as host
apps = [app for app in host.INSTALLED_APPS if app != "recurring_jobs"]
place = int("{place}") if int("{place}") >= 0 else len(apps)
apps.insert(place, "recurring_jobs")
values = {{name: getattr(host, name) for name in dir(host) if name.isupper()}}
settings.configure(**{{**values, "INSTALLED_APPS": apps}})
django.setup()
from django.contrib import admin
pages = {{m._meta.model_name: type(a).__module__ for m, a in admin.site._registry.items()}}
foreign = [name for name, module in pages.items() if module.startswith("django_celery")]
print(sorted(foreign), pages["periodictask"])
from recurring_jobs.admin.stock import stock_pages
print(stock_pages())
"""


@pytest.fixture(autouse=True)
def no_site_stays():
    """Forget the sites of a test, which the checks of the next one would look at."""
    before = set(all_sites)
    yield
    for site in set(all_sites) - before:
        all_sites.discard(site)


@pytest.mark.parametrize("place", [-1, 0], ids=["after-them", "before-all"])
def test_wherever_our_app_stands(place):
    """
    All six stock pages are replaced, and the check is content.
    """
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OURS_IN_ANY_ORDER.format(place=place)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": ""},
    )

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-2:] == ["[] recurring_jobs.admin.periodic_tasks", "[]"]


def test_only_the_stock_page_is_replaced():
    """
    A host that has its own page of periodic tasks keeps it.
    """

    class HostAdmin(StockPeriodicTaskAdmin):
        pass

    stock, own = admin.AdminSite("stock"), admin.AdminSite("own")
    bare = admin.AdminSite("bare")
    stock.register(PeriodicTask, StockPeriodicTaskAdmin)
    own.register(PeriodicTask, HostAdmin)

    for site in (stock, own, bare):
        replace_stock_admin(site, PeriodicTask)

    assert type(stock.get_model_admin(PeriodicTask)) is PeriodicTaskAdmin
    assert type(own.get_model_admin(PeriodicTask)) is HostAdmin
    assert not bare.is_registered(PeriodicTask)
    assert type(admin.site.get_model_admin(PeriodicTask)) is PeriodicTaskAdmin
    assert type(admin.site.get_model_admin(TaskResult)) is TaskResultAdmin
    assert type(admin.site.get_model_admin(CrontabSchedule)) is CrontabScheduleAdmin
    assert admin.site.is_registered(GroupResult)


def test_check_names_site_model_and_what_to_type():
    """
    A site of the host's own that has a stock page is told what to register there.
    """
    site = admin.AdminSite("backstage")
    site.register(PeriodicTask, StockPeriodicTaskAdmin)

    found = [each for each in run_checks() if each.id == "recurring_jobs.W015"]

    assert [(each.msg, each.hint) for each in found] == [
        (
            "The admin site 'backstage' has the page of django_celery_beat.PeriodicTask as its"
            " package brings it: it shows arguments, and lets people run and disable tasks who"
            " may only look.",
            "Register the class of recurring_jobs.admin for it: "
            "site.register(PeriodicTask, PeriodicTaskAdmin)",
        )
    ]
