"""The project that the tests pretend to be."""

from __future__ import annotations

from tests.host.celery import app as celery_app

__all__ = ["celery_app"]
