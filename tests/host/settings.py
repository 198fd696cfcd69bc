"""Settings of the host project; DATABASE_URL and CELERY_BROKER_URL choose other services."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import timedelta
from pathlib import Path

import dj_database_url
import django

from recurring_jobs import development_broker

BASE_DIR = Path(os.environ.get("HOST_DIR") or tempfile.mkdtemp(prefix="recurring-jobs-host-"))

SECRET_KEY = "not secret: tests only"
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TIME_ZONE = "UTC"
ROOT_URLCONF = "tests.host.urls"
STATIC_URL = "static/"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "django_celery_results",
    "recurring_jobs",
    "tests.host",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASE_URL = os.environ.get("DATABASE_URL") or f"sqlite:///{BASE_DIR / 'host.sqlite3'}"
DATABASES = {"default": dj_database_url.parse(DATABASE_URL)}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 30,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    DATABASES["default"]["TEST"] = {"NAME": str(BASE_DIR / "test.sqlite3")}
elif os.environ.get("TOX_ENV_NAME"):
    # Cells that run side by side share a server, and each makes a database anew.
    cell = os.environ["TOX_ENV_NAME"].replace("-", "_")
    DATABASES["default"]["TEST"] = {"NAME": f"test_{cell}"}

if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}

if os.environ.get("CELERY_BROKER_URL"):
    CELERY_BROKER_URL = os.environ["CELERY_BROKER_URL"]
    CELERY_BROKER_TRANSPORT_OPTIONS = json.loads(os.environ.get("HOST_TRANSPORT_OPTIONS") or "{}")
else:
    CELERY_BROKER_URL, CELERY_BROKER_TRANSPORT_OPTIONS = development_broker(BASE_DIR)
CELERY_RESULT_BACKEND = "django-db"
CELERY_RESULT_EXTENDED = True
CELERY_BEAT_SCHEDULER = "recurring_jobs.schedulers:DatabaseScheduler"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = TIME_ZONE

RECURRING_JOBS: dict[str, object] = {}
if os.environ.get("HOST_HEARTBEAT"):
    RECURRING_JOBS["HEARTBEAT"] = timedelta(seconds=float(os.environ["HOST_HEARTBEAT"]))
if os.environ.get("HOST_REPUBLISH"):
    RECURRING_JOBS["BEAT_REPUBLISH_AFTER"] = timedelta(seconds=float(os.environ["HOST_REPUBLISH"]))
if os.environ.get("HOST_RESEND"):
    RECURRING_JOBS["RESEND_AFTER"] = timedelta(seconds=float(os.environ["HOST_RESEND"]))
if os.environ.get("HOST_TASKS"):
    CELERY_IMPORTS = [os.environ["HOST_TASKS"]]
if os.environ.get("HOST_SHARE"):
    RECURRING_JOBS |= {"GENERATION_SHARE": int(os.environ["HOST_SHARE"]), "GENERATION_LANES": 2}
if os.environ.get("HOST_TOKEN"):
    RIGHTS = ["trigger", "status", "cancel"]
    RECURRING_JOBS["API_TOKENS"] = {"test": {"sha256": os.environ["HOST_TOKEN"], "allow": RIGHTS}}
