"""The project around the five example apps: settings, Celery, addresses."""

from __future__ import annotations

from conf.celery import app as celery_app

__all__ = ["celery_app"]
