"""
System checks: what a newcomer gets wrong, each with what to type.

The ids keep their meaning for ever:

====  =====================================================================
E001  django_celery_beat is not installed
E002  django_celery_results is not installed
E003  RECURRING_JOBS has an unknown key or a wrong value
E004  USE_TZ is off
E005  pickle or yaml is accepted from the broker or the result back end
E006  an entry of API_TOKENS cannot be used
E007  API_AUTHORIZE or API_VISIBLE does not name a callable
E008  CELERY_TIMEZONE is not a time zone
E009  a periodic task is declared with what cannot be, such as a schedule
      that never fires or a time zone that does not exist
E010  two periodic tasks are declared under one name
E011  a periodic task is declared for a task that does not exist
W001  there is no result back end
W002  beat does not use our scheduler
W003  the project's Celery app is not loaded
W004  SQLite does not begin its transactions as writes
W005  (deploy) the development broker is used with DEBUG off
W006  a declared schedule fires more often than every five seconds
W007  a declared schedule names a queue that CELERY_TASK_QUEUES does not have
W008  an RRule is declared, and beat's scheduler never fires one
W009  beat's scheduler writes CELERY_BEAT_SCHEDULE over what people changed
W010  (deploy) Redis gives the message of a task that is at work to another
      worker: its visibility timeout is shorter than the longest time limit
W011  (deploy) a task has no time limit
W012  (deploy) results never expire
W013  (deploy) Flower is configured, and open
W014  (deploy) a broker that says nothing is waited for without end
W015  an admin site has a page of django-celery-beat or -results as it comes,
      which lets people run and disable tasks who may only look
W016  (deploy) the URLs of django-celery-results are mounted, which tell anybody
      what tasks returned
====  =====================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004  Django's name
from django.db import connections
from django.utils import timezone
from django.utils.module_loading import import_string

from recurring_jobs.api.access import PERMISSIONS
from recurring_jobs.conf import conf
from recurring_jobs.exceptions import (
    CeleryAppMissingError,
    RecurringJobsError,
    SettingError,
    UnknownTimeZoneError,
)
from recurring_jobs.inspection import loaded_app
from recurring_jobs.periodic.declaration_checks import check_declarations

TAG = "recurring_jobs"
SCHEDULER = "recurring_jobs.schedulers:DatabaseScheduler"
UNSAFE_CONTENT = ("pickle", "application/x-python-serialize", "yaml", "application/x-yaml")

_HOST_RULES = {
    "API_AUTHORIZE": "authorize(request, action, subject) that returns True or False",
    "API_VISIBLE": "visible(request, rows) that returns those of the rows that may be seen",
}

_Check = Callable[..., list[CheckMessage]]
_Checked = Iterable[CheckMessage]


def project_check(*, deploy: bool = False) -> Callable[[Callable[[], _Checked]], _Check]:
    """Register a check that needs to know nothing but the settings."""

    def decorate(find: Callable[[], _Checked]) -> _Check:
        def check(**_: Any) -> list[CheckMessage]:
            return list(find())

        check.__name__ = find.__name__
        register(TAG, deploy=deploy)(check)
        return check

    return decorate


@project_check()
def apps_are_installed() -> _Checked:
    """E001, E002."""
    for number, app in enumerate(("django_celery_beat", "django_celery_results"), start=1):
        if not apps.is_installed(app):
            yield _error(
                f"E{number:03}",
                f"{app} is not installed.",
                f"Add {app!r} to INSTALLED_APPS, then run: python manage.py migrate",
            )


@project_check()
def settings_are_known() -> _Checked:
    """E003."""
    for problem in conf.problems():
        yield _error("E003", str(problem), "Correct RECURRING_JOBS in your settings.")


@project_check()
def times_are_aware() -> _Checked:
    """E004."""
    if not settings.USE_TZ:
        yield _error(
            "E004",
            "USE_TZ is off: occurrences and fires need aware times.",
            "Write in your settings: USE_TZ = True",
        )


@project_check()
def content_is_safe() -> _Checked:
    """E005."""
    for name in ("accept_content", "result_accept_content"):
        accepted = celery_setting(name) or ()
        unsafe = [each for each in accepted if str(each).lower() in UNSAFE_CONTENT]
        if unsafe:
            yield _error(
                "E005",
                f"CELERY_{name.upper()} accepts {', '.join(unsafe)}: whoever can write to the"
                " broker or the result back end can then run code in your workers.",
                f"Write in your settings: CELERY_{name.upper()} = ['json']",
            )


@project_check()
def tokens_are_usable() -> _Checked:
    """E006."""
    try:
        clients = conf.api_tokens
    except SettingError:
        return
    for name, client in clients.items():
        for problem in _token_problems(client):
            yield _error(
                "E006",
                f"RECURRING_JOBS['API_TOKENS'][{name!r}] {problem}",
                'Write {"sha256": "...", "allow": ["trigger", "status"]}, both from: python -c '
                '"import hashlib, secrets; token = secrets.token_urlsafe(32); '
                'print(token, hashlib.sha256(token.encode()).hexdigest())"',
            )


def _token_problems(client: object) -> Iterable[str]:
    if not isinstance(client, Mapping):
        yield "is not a dict."
        return
    digest, allow, tasks = (client.get(key) for key in ("sha256", "allow", "tasks"))
    if "token" in client:
        yield "has the token itself; what is kept of it is its SHA-256."
    elif not isinstance(digest, str) or not re.fullmatch("[0-9a-fA-F]{64}", digest):
        yield "must have 'sha256', the 64 hexadecimal digits of the token's SHA-256."
    if not isinstance(allow, (list, tuple, set, frozenset)) or not set(allow) <= set(PERMISSIONS):
        yield f"must have 'allow', a list of some of {', '.join(map(repr, PERMISSIONS))}."
    if "tasks" in client and not isinstance(tasks, (list, tuple, set, frozenset)):
        yield "must have a list of name patterns as 'tasks'."
    for key in client:
        if key not in ("token", "sha256", "allow", "tasks"):
            yield f"has an unknown key {key!r}."


@project_check()
def host_rules_are_callable() -> _Checked:
    """E007."""
    for key, sketch in _HOST_RULES.items():
        try:
            path = getattr(conf, key.lower())
            if not path or callable(import_string(path)):
                continue
            problem = "is not callable"
        except SettingError:
            continue
        except ImportError as error:
            problem = f"cannot be imported ({error})"
        yield _error(
            "E007",
            f"RECURRING_JOBS[{key!r}]: {path!r} {problem}.",
            f"Give the dotted path of a function {sketch}.",
        )


@project_check()
def timezone_is_known() -> _Checked:
    """E008."""
    name = celery_setting("timezone")
    if name is None or isinstance(name, ZoneInfo):
        return
    try:
        ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):
        error = UnknownTimeZoneError(str(name), available_timezones())
        yield _error(
            "E008",
            f"CELERY_TIMEZONE: {error}",
            "Write in your settings: CELERY_TIMEZONE = TIME_ZONE",
        )


@project_check()
def results_are_kept() -> _Checked:
    """W001."""
    backend = celery_setting("result_backend")
    if not backend or str(backend).startswith("disabled"):
        yield as_warning(
            "W001",
            "There is no result back end: what tasks return is thrown away.",
            "Write in your settings: CELERY_RESULT_BACKEND = 'django-db'",
        )


@project_check()
def scheduler_is_ours() -> _Checked:
    """W002."""
    path = _scheduler_path()
    if path != SCHEDULER:
        yield as_warning(
            "W002",
            f"Beat uses {path or 'no scheduler of ours'}: rules do not fire, and two beats fire"
            " everything twice.",
            f"Write in your settings: CELERY_BEAT_SCHEDULER = {SCHEDULER!r}",
        )


@project_check()
def celery_app_is_loaded() -> _Checked:
    """W003."""
    try:
        loaded_app()
    except CeleryAppMissingError as error:
        problem, hint = str(error).split(". ", 1)
        yield as_warning("W003", f"{problem}.", hint)


@project_check()
def sqlite_locks_early() -> _Checked:
    """W004."""
    for alias, database in connections.settings.items():
        options = database.get("OPTIONS") or {}
        mode = str(options.get("transaction_mode", "")).upper()
        if database.get("ENGINE", "").endswith("sqlite3") and mode not in (
            "IMMEDIATE",
            "EXCLUSIVE",
        ):
            yield as_warning(
                "W004",
                f"The SQLite database {alias!r} begins transactions as reads, so beat, workers"
                " and web will meet 'database is locked'.",
                f"Write in DATABASES[{alias!r}]: 'OPTIONS': "
                "{'transaction_mode': 'IMMEDIATE', 'timeout': 30}",
            )


@project_check(deploy=True)
def broker_is_a_server() -> _Checked:
    """W005."""
    urls = celery_setting("broker_url") or ()
    listed = [urls] if isinstance(urls, str) else urls
    if not settings.DEBUG and any(str(url).startswith("filesystem://") for url in listed):
        yield as_warning(
            "W005",
            "The development broker (filesystem://) is used with DEBUG off: a worker that is"
            " killed loses the messages it had taken.",
            "Write in your settings: CELERY_BROKER_URL = 'redis://...' or 'amqp://...'",
        )


@project_check()
def declarations_are_right() -> _Checked:
    """E009 to E011, W006 to W009; loads the project's tasks."""
    try:
        app = loaded_app()
        found = list(check_declarations(app, scheduler=_scheduler_path(), now=timezone.now()))
    except CeleryAppMissingError:
        return  # W003 says so
    except SettingError:
        return  # E003 says so
    except RecurringJobsError as error:
        # Raised while a module of tasks was loaded, by the line that declares.
        yield _error("E009", str(error), "Correct the declaration.")
        return
    for number, message, hint in found:
        yield (_error if number.startswith("E") else as_warning)(number, message, hint)


def celery_setting(name: str) -> Any:
    """
    Return a setting of Celery: CELERY_<NAME> of the Django settings, else the loaded app's.

    A project may keep its Celery settings under another prefix or in a file of their own,
    which only its app knows. Return None without an app.
    """
    django_name = f"CELERY_{name.upper()}"
    if hasattr(settings, django_name):
        return getattr(settings, django_name)
    try:
        return loaded_app().conf.get(name)
    except CeleryAppMissingError:
        return None


def _scheduler_path() -> str:
    """Return the path of beat's scheduler as ``module:Class``, however it is written."""
    scheduler = celery_setting("beat_scheduler")
    if scheduler is None:
        return ""
    if isinstance(scheduler, str):
        module, _, name = scheduler.replace(":", ".").rpartition(".")
        return f"{module}:{name}"
    return f"{scheduler.__module__}:{scheduler.__qualname__}"


def _error(number: str, message: str, hint: str) -> Error:
    return Error(message, hint=hint, id=f"{TAG}.{number}")


def as_warning(number: str, message: str, hint: str) -> Warning:
    return Warning(message, hint=hint, id=f"{TAG}.{number}")
