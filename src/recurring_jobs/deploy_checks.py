"""Checks of ``manage.py check --deploy``: W010 to W014 and W016 of the table in ``checks``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from recurring_jobs.checks import as_warning, celery_setting, project_check
from recurring_jobs.exceptions import CeleryAppMissingError
from recurring_jobs.inspection import loaded_app
from recurring_jobs.patience import REDIS, transport_of, transport_options
from recurring_jobs.periodic.registry import app_with_tasks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.core.checks import CheckMessage

#: Seconds after which Redis gives a message to another worker, where nothing else is set.
_VISIBLE_AGAIN_AFTER: Final = 3600
#: Tasks that are not the project's.
_NOT_THEIRS: Final = ("celery.", "recurring_jobs.")
#: How many are named.
_MOST_NAMED: Final = 3
#: With it every page asks for a login that does not say otherwise.
_LOG_IN: Final = "django.contrib.auth.middleware.LoginRequiredMiddleware"
_YES: Final = ("1", "true", "yes", "on")


@project_check(deploy=True)
def messages_stay_hidden_long_enough() -> Iterator[CheckMessage]:
    """W010."""
    if transport_of(celery_setting("broker_url")) not in REDIS:
        return
    options = celery_setting("broker_transport_options") or {}
    hidden = options.get("visibility_timeout", _VISIBLE_AGAIN_AFTER)
    longer = {
        name: limit
        for name, task in _tasks().items()
        if (limit := getattr(task, "time_limit", None)) is not None and limit > hidden
    }
    if not longer:
        return
    needed = int(max(longer.values())) + 60
    yield as_warning(
        "W010",
        f"Redis gives a message to another worker after {hidden} seconds, and a task may take"
        f" longer: {_named(longer)}. It would then run twice at once.",
        "Write in your settings: CELERY_BROKER_TRANSPORT_OPTIONS = "
        f"{{'visibility_timeout': {needed}}}",
    )


@project_check(deploy=True)
def tasks_have_time_limits() -> Iterator[CheckMessage]:
    """W011."""
    endless = [name for name, task in _tasks().items() if getattr(task, "time_limit", None) is None]
    if endless:
        yield as_warning(
            "W011",
            f"A task that hangs holds its place in a worker for ever: {_named(endless)}"
            " without a time limit.",
            "Write in your settings: CELERY_TASK_TIME_LIMIT = 30 * 60, and"
            " CELERY_TASK_SOFT_TIME_LIMIT = 25 * 60",
        )


@project_check(deploy=True)
def results_expire() -> Iterator[CheckMessage]:
    """W012."""
    if celery_setting("result_backend") and not celery_setting("result_expires"):
        yield as_warning(
            "W012",
            "Results never expire, so the table or memory of the result back end only grows.",
            "Write in your settings: CELERY_RESULT_EXPIRES = 24 * 3600",
        )


@project_check(deploy=True)
def flower_is_closed() -> Iterator[CheckMessage]:
    """W013."""
    flower = {
        name: value
        for name, value in os.environ.items()
        # Kubernetes sets such names in every pod beside a service called flower.
        if name.startswith("FLOWER_")
        and not name.startswith(("FLOWER_SERVICE_", "FLOWER_PORT_"))
        and not value.startswith("tcp://")
    }
    auth = ("FLOWER_BASIC_AUTH", "FLOWER_AUTH", "FLOWER_AUTH_PROVIDER")
    is_api_open = flower.get("FLOWER_UNAUTHENTICATED_API", "").lower() in _YES
    if flower and (is_api_open or not any(flower.get(name) for name in auth)):
        yield as_warning(
            "W013",
            f"Flower is configured ({', '.join(sorted(flower))}) and open: whoever reaches it"
            " can stop your workers.",
            "Set FLOWER_BASIC_AUTH=user:password, leave FLOWER_UNAUTHENTICATED_API away, and"
            " start it with: python manage.py recurring_jobs flower",
        )


@project_check(deploy=True)
def broker_is_not_waited_for_without_end() -> Iterator[CheckMessage]:
    """W014."""
    options = celery_setting("broker_transport_options") or {}
    wanted = transport_options(transport_of(celery_setting("broker_url")))
    off = [name for name in wanted if "timeout" in name and name in options and not options[name]]
    if off:
        yield as_warning(
            "W014",
            f"{', '.join(off)} of CELERY_BROKER_TRANSPORT_OPTIONS is off: a broker that says"
            " nothing is waited for without end.",
            "Leave it away: the app sets it.",
        )


@project_check(deploy=True)
def results_are_not_open() -> Iterator[CheckMessage]:
    """W016."""
    if not getattr(settings, "ROOT_URLCONF", None) or _LOG_IN in settings.MIDDLEWARE:
        return
    # Wrapped, as in login_required(), a view is another one.
    found = sorted({each.name or str(each.pattern) for each in _patterns() if _is_open(each)})
    if found:
        yield as_warning(
            "W016",
            "The URLs of django-celery-results are mounted: whoever knows or guesses the id of"
            f" a task is told what it returned or raised, without a login ({_named(found)}).",
            "Take include('django_celery_results.urls') out of your URLs; GET runs/<id> of"
            " recurring_jobs.api.urls tells the same to those who may know.",
        )


def _patterns(resolver: URLResolver | None = None) -> Iterator[URLPattern]:
    for each in (resolver or get_resolver()).url_patterns:
        if isinstance(each, URLResolver):
            yield from _patterns(each)
        else:
            yield each


def _is_open(pattern: URLPattern) -> bool:
    theirs = sys.modules.get("django_celery_results.views")  # there where its URLs are
    return theirs is not None and any(pattern.callback is each for each in vars(theirs).values())


def _tasks() -> dict[str, Any]:
    try:
        app = app_with_tasks(loaded_app())
    except CeleryAppMissingError:
        return {}  # W003 says so
    return {name: task for name, task in app.tasks.items() if not name.startswith(_NOT_THEIRS)}


def _named(names: Any) -> str:
    listed = sorted(names)
    more = len(listed) - _MOST_NAMED
    return ", ".join(listed[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
