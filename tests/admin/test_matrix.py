"""Each address of the admin, each kind of person, each method: taken from what is registered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from celery import current_app
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    SolarSchedule,
)
from django_celery_results.models import GroupResult, TaskResult

from recurring_jobs.models import Fire
from tests.admin.rows import (
    NINE,
    make_drifted,
    make_fire,
    make_letter,
    make_lock,
    make_run,
    make_schedule,
)
from tests.host.models import Course, Event, Lesson, Subscription, Todo
from tests.stored import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db

APPS = ("recurring_jobs", "django_celery_beat", "django_celery_results", "host")
#: What Django itself offers for each model, and the permission that looking there needs.
STOCK = {
    "changelist": "view",
    "history": "view",
    "change": "view",
    "add": "add",
    "delete": "delete",
}
#: What each action needs beside the view permission. A new one has to be added here.
ACTIONS = {
    "recurring_jobs_deadletter_requeue": "recurring_jobs.requeue_deadletter",
    "recurring_jobs_deadletter_discard": "recurring_jobs.discard_deadletter",
    "recurring_jobs_run_send_again": "recurring_jobs.requeue_run",
    "recurring_jobs_run_cancel": "recurring_jobs.cancel_run",
    "recurring_jobs_run_purge_queue": "recurring_jobs.purge_queue",
    "recurring_jobs_tasklock_break": "recurring_jobs.break_tasklock",
    "recurring_jobs_schedule_run_now": "recurring_jobs.run_schedule",
    "recurring_jobs_schedule_pause": "recurring_jobs.pause_schedule",
    "recurring_jobs_schedule_resume": "recurring_jobs.pause_schedule",
    "recurring_jobs_schedule_skip_next": "recurring_jobs.pause_schedule",
    "recurring_jobs_schedule_backfill": "recurring_jobs.backfill_schedule",
    "recurring_jobs_schedule_take_code": "recurring_jobs.change_schedule",
    "recurring_jobs_schedule_keep_mine": "recurring_jobs.change_schedule",
    "django_celery_results_taskresult_send_again": "recurring_jobs.requeue_run",
    **{
        f"host_{model}_{name}": f"host.change_{model}"
        for model, names in {
            "todo": "skip reschedule split regenerate change_rule end unskip",
            "course": "regenerate change_rule end unskip",
            "subscription": "regenerate change_rule end unskip",
            "lesson": "skip reschedule split",
        }.items()
        for name in names.split()
    },
}
#: Pieces of pages, which are read and change nothing.
READ_ONLY = {
    "django_celery_beat_periodictask_trigger_preview",
    *(f"host_{each}_recurrence_preview" for each in ("todo", "course", "event", "subscription")),
}
#: Addresses that are of no row.
WITHOUT_ROW = {"recurrence_preview", "trigger_preview", "purge_queue"}
METHODS = ("get", "head", "post", "put", "patch", "delete", "options")


def registered() -> Iterator[str]:
    """Yield the name of each address of each page that is of this package."""
    for model, page in admin.site._registry.items():
        if model._meta.app_label in APPS:
            yield from (url.name for url in page.get_urls() if url.name)


NAMES = sorted(registered())
#: The host's models share their pages: what Django itself offers is tried for one of them.
ALIKE = ("host_course", "host_event", "host_subscription", "host_lesson")
TRIED = [
    name for name in NAMES if not (name.startswith(ALIKE) and name.rpartition("_")[2] in STOCK)
]


@pytest.fixture(autouse=True)
def no_revokes(monkeypatch) -> None:
    """Have no worker be told anything."""
    monkeypatch.setattr(current_app.control, "revoke", lambda *_, **__: None)


@pytest.fixture
def rows() -> dict[str, Any]:
    """One row of each model."""
    schedule = make_drifted()
    task = schedule.periodic_task
    result = {"content_type": "application/json", "content_encoding": "utf-8"}
    course = Course.objects.create(**_start(Course))
    return {
        "recurring_jobs_schedule": schedule,
        "recurring_jobs_fire": make_fire(schedule),
        "recurring_jobs_run": make_run("succeeded", id="run-1"),
        "recurring_jobs_deadletter": make_letter(),
        "recurring_jobs_tasklock": make_lock(),
        "django_celery_beat_periodictask": task,
        "django_celery_beat_crontabschedule": CrontabSchedule.objects.create(minute="1"),
        "django_celery_beat_intervalschedule": IntervalSchedule.objects.create(
            every=1, period="days"
        ),
        "django_celery_beat_solarschedule": SolarSchedule.objects.create(
            event="sunset", latitude=1, longitude=1
        ),
        "django_celery_beat_clockedschedule": ClockedSchedule.objects.create(clocked_time=NINE),
        "django_celery_results_taskresult": TaskResult.objects.create(task_id="run-1", **result),
        "django_celery_results_groupresult": GroupResult.objects.create(group_id="g", **result),
        "host_todo": Todo.objects.create(title="Plants", due_at=NINE),
        "host_course": course,
        "host_event": Event.objects.create(**_start(Event)),
        "host_subscription": Subscription.objects.create(**_start(Subscription)),
        "host_lesson": Lesson.objects.create(recurrence_parent=course, **_start(Lesson)),
    }


def _start(model: type[Any]) -> dict[str, Any]:
    """Return values for what *model* does not do without."""
    values = {}
    for field in model._meta.concrete_fields:
        is_needed = not (field.null or field.has_default() or field.primary_key or field.blank)
        if is_needed and not field.is_relation:
            kind = field.get_internal_type()
            known = {"DateTimeField": NINE, "DateField": NINE.date(), "CharField": "x"}
            values[field.name] = known.get(kind, 1)
    return values


def parts_of(name: str) -> tuple[str, str]:
    """Return the model and the page that an address is of."""
    for label in APPS:
        if name.startswith(label + "_"):
            model, _, page = name.removeprefix(label + "_").partition("_")
            return f"{label}_{model}", page
    raise AssertionError(name)


def url_of(name: str, rows: dict[str, Any]) -> str:
    model, page = parts_of(name)
    has_row = page not in {"changelist", "add", *WITHOUT_ROW}
    return reverse(f"admin:{name}", args=[rows[model].pk] if has_row else [])


def permission(name: str, verb: str) -> str:
    model, _page = parts_of(name)
    label = next(label for label in APPS if model.startswith(label + "_"))
    return f"{label}.{verb}_{model.removeprefix(label + '_')}"


def all_rights() -> dict[str, int]:
    """Return the key of each permission by its name."""
    found = Permission.objects.filter(content_type__app_label__in=APPS)
    names = found.values_list("content_type__app_label", "codename", "pk")
    return {f"{label}.{codename}": pk for label, codename, pk in names}


def roles_for(name: str, every: set[str]) -> dict[str, set[str]]:
    """Return the rights of each role that may tell *name* from others."""
    views = {each for each in every if ".view_" in each}
    needed = ACTIONS.get(name) or permission(name, STOCK.get(parts_of(name)[1], "view"))
    edits = {each for each in every if ".add_" in each or ".delete_" in each}
    return {
        "nobody": set(),
        "viewer": views,
        "with-all-but-that": every - {needed},
        **({"blind": {needed}} if name in ACTIONS else {}),
        "no-editor": every - edits,
        "with-just-that": {*views, needed},
    }


def may(rights: set[str], name: str, method: str) -> bool:
    """Return whether somebody with *rights* may come to *name* by *method*."""
    page = parts_of(name)[1]
    looks = {permission(name, "view"), permission(name, "change")} & rights
    if name in ACTIONS:
        return bool(looks) and ACTIONS[name] in rights
    if page in {"add", "delete"}:
        is_offered = page == "delete" or _page_of(name).has_add_permission(_Superuser())
        return permission(name, page) in rights and is_offered
    if page == "change" and method == "post":
        is_offered = _page_of(name).has_change_permission(_Superuser())
        return permission(name, "change") in rights and is_offered
    if name in READ_ONLY:
        return bool(looks | ({permission(name, "add")} & rights))
    return bool(looks)


class _Superuser:
    """A request of somebody who may all, to ask a page what it offers to anyone."""

    class user:  # noqa: N801  as on a request
        @staticmethod
        def has_perm(_name: str) -> bool:
            return True


def _page_of(name: str) -> Any:
    label_model, _page = parts_of(name)
    label = next(label for label in APPS if label_model.startswith(label + "_"))
    model = apps.get_model(label, label_model.removeprefix(label + "_"))
    return admin.site.get_model_admin(model)


def state() -> list[Any]:
    """Return all rows of all that the admin shows, and its log."""
    models = [model for model in apps.get_models() if model._meta.app_label in APPS]
    return rows_of([*models, LogEntry])


def log_in(user: User | None) -> Client:
    browser = Client()
    if user is not None:
        browser.force_login(user)
    return browser


def test_no_address_is_forgotten():
    """
    An address that is new has to be given its permission in the tables above.
    """
    stock = {name for name in NAMES if parts_of(name)[1] in STOCK}

    assert set(NAMES) - stock == ACTIONS.keys() | READ_ONLY
    assert {parts_of(name)[0] for name in NAMES} == {parts_of(name)[0] for name in stock}


@pytest.mark.parametrize("name", TRIED)
def test_strangers_come_to_the_login_alone(django_user_model, rows, name):
    """
    Whoever is not of the staff is asked to log in, by every method, and changes nothing.
    """
    url = url_of(name, rows)
    before = state()

    for user in (None, django_user_model.objects.create_user("customer")):
        browser = log_in(user)
        answers = {method: getattr(browser, method)(url) for method in METHODS}

        assert {answer.status_code for answer in answers.values()} == {302}
        assert all(each.url.startswith("/admin/login/") for each in answers.values())
    assert state() == before


@pytest.mark.parametrize("name", TRIED)
def test_each_role_comes_where_it_may(django_user_model, rows, name):
    """
    By each method a role gets the page, or is refused; only a post of one who may changes things.
    """
    url = url_of(name, rows)
    keys = all_rights()
    before = state()
    surprises = []

    for role, rights in roles_for(name, set(keys)).items():
        user = django_user_model.objects.create_user(role, is_staff=True)
        user.user_permissions.set([keys[right] for right in rights])
        browser = log_in(user)
        for method in ("get", "put", "delete", "post") if name in ACTIONS else ("get", "post"):
            is_allowed = may(rights, name, method)
            if method == "post" and is_allowed and name not in ACTIONS:
                continue  # what Django's own forms do is not for this test
            code = getattr(browser, method)(url).status_code
            if code not in expected(name, method, is_allowed=is_allowed):
                surprises.append((role, method, code))
        if name not in ACTIONS or not may(rights, name, "post"):
            assert state() == before, role

    assert surprises == []


def expected(name: str, method: str, *, is_allowed: bool) -> set[int]:
    """Return the codes that are right."""
    if name in ACTIONS and method != "post":
        return {405}
    if name in READ_ONLY and method != "get":
        return {200, 403, 405}
    return {200, 302} if is_allowed else {403}


@pytest.mark.parametrize("name", TRIED)
def test_no_post_counts_without_its_token(person, rows, name):
    """
    A form of another site is refused, even to a superuser.
    """
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person(is_superuser=True))
    before = state()

    answer = browser.post(url_of(name, rows), {"confirmed": "yes", "post": "yes"})

    assert answer.status_code == 403
    assert state() == before


#: For each action of ours a row that it is for.
SUITED = {
    "recurring_jobs_deadletter_requeue": make_letter,
    "recurring_jobs_deadletter_discard": make_letter,
    "recurring_jobs_run_send_again": lambda: make_run("succeeded"),
    "recurring_jobs_run_cancel": lambda: make_run("running"),
    "recurring_jobs_tasklock_break": make_lock,
    "recurring_jobs_schedule_run_now": make_schedule,
    "recurring_jobs_schedule_pause": make_schedule,
    "recurring_jobs_schedule_resume": lambda: make_schedule(enabled=False),
    "recurring_jobs_schedule_skip_next": make_schedule,
    "recurring_jobs_schedule_backfill": make_schedule,
    "recurring_jobs_schedule_take_code": make_drifted,
    "recurring_jobs_schedule_keep_mine": make_drifted,
    "django_celery_results_taskresult_send_again": lambda: TaskResult.objects.create(
        task_id=make_run("succeeded").pk, content_type="application/json"
    ),
}


@pytest.mark.parametrize("name", SUITED)
def test_each_action_is_on_record(boss, name):
    """
    What was done stands in the admin's log: by whom, to what, and in a sentence.
    """
    row = SUITED[name]()
    url = reverse(f"admin:{name}", args=[row.pk])
    data = {"confirmed": "yes", "args": "[]", "kwargs": "{}", "once": "a", "overlap": "allow"}
    data |= {"fields_chosen": "enabled", "start": "2026-01-05", "end": "2026-01-06", "every": "0"}

    answer = boss.post(url, data)
    if answer.status_code == 200 and answer.context["preview"]:
        answer = boss.post(url, {**data, "previewed": answer.context["previewed"]})

    entry = LogEntry.objects.get()
    assert answer.status_code == 302
    assert (entry.user.username, entry.object_id) == ("boss", str(row.pk))
    assert len(entry.change_message) > 10
    assert timezone.now() >= entry.action_time
    assert not Fire.objects.filter(state="claimed").exists()
