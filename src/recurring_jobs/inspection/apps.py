"""The project's Celery app, and the way to its broker."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from celery._state import get_current_app
from celery.loaders.default import Loader as EmptyLoader
from django.conf import settings
from kombu.exceptions import OperationalError
from kombu.utils.url import maybe_sanitize_url

from recurring_jobs.exceptions import BrokerAwayError, CeleryAppMissingError
from recurring_jobs.patience import BROKER_ERRORS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from celery import Celery
    from kombu import Connection


def loaded_app() -> Celery:
    """
    Return the project's Celery app.

    Raise CeleryAppMissingError where the project loaded none, so that Celery would
    quietly use an empty one that knows neither broker nor tasks.
    """
    app: Celery = get_current_app()
    if isinstance(app.loader, EmptyLoader):
        # A project that serves no pages has no ROOT_URLCONF.
        module = getattr(settings, "ROOT_URLCONF", None) or settings.SETTINGS_MODULE or "project"
        raise CeleryAppMissingError(module.split(".")[0])
    return app


@contextmanager
def broker_connection(app: Celery) -> Iterator[Connection]:
    """
    Lend a connection to the broker that was seen to work; raise BrokerAwayError without one.
    """
    _check_driver(app)
    with broker_of(app), app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=5)
        try:
            yield connection
        except connection.connection_errors as error:
            # Those of a client, such as redis-py, need not be an OSError.
            raise OperationalError(str(error)) from error


def _check_driver(app: Celery) -> None:
    try:
        app.connection_for_write().release()
    except ImportError as error:
        url = maybe_sanitize_url(str(app.conf.broker_write_url))
        problem = f"its driver is not installed: {error}"
        raise BrokerAwayError(url, problem) from error


@contextmanager
def broker_of(app: Celery) -> Iterator[None]:
    """Turn what transports raise when the broker is away into BrokerAwayError."""
    try:
        yield
    except BROKER_ERRORS as error:
        with app.connection_for_write() as connection:
            url = connection.as_uri()
        problem = str(error.__cause__ or error) or type(error).__name__
        raise BrokerAwayError(url, problem.rstrip(".")) from error
