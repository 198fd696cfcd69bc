"""Settings of the example; DATABASE_URL and CELERY_BROKER_URL choose other services."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import dj_database_url
import django
from celery.schedules import crontab

from recurring_jobs import Every, development_broker

BASE_DIR = Path(__file__).resolve().parent.parent
#: Everything that is written while the example runs: database, messages, mail, logs.
VAR_DIR = Path(os.environ.get("EXAMPLE_VAR_DIR") or BASE_DIR / "var").resolve()
VAR_DIR.mkdir(parents=True, exist_ok=True)

SECRET_KEY = os.environ.get("SECRET_KEY") or "not secret: an example that listens on localhost"
DEBUG = os.environ.get("DEBUG", "1") == "1"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", *os.environ.get("EXAMPLE_HOSTS", "").split()]
ROOT_URLCONF = "conf.urls"
WSGI_APPLICATION = "conf.wsgi.application"
STATIC_URL = "static/"
LOGIN_URL = "admin:login"
USE_TZ = True
TIME_ZONE = "UTC"

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
    "focus",
    "credits",
    "lab",
    "starter",
    "pricing",
    "demo",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
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

# Database

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": dj_database_url.parse(
        os.environ.get("DATABASE_URL") or f"sqlite:///{VAR_DIR / 'example.sqlite3'}"
    )
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 30,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    # A file: tests that use threads need a database that several connections can open.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}

# Mail is written to files, one for each message.

MAIL_DIR = VAR_DIR / "mail"
_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": _BACKEND, "OPTIONS": {"file_path": str(MAIL_DIR)}}}
else:
    EMAIL_BACKEND, EMAIL_FILE_PATH = _BACKEND, str(MAIL_DIR)
DEFAULT_FROM_EMAIL = "LabControl <lab@example.com>"

# Celery

if os.environ.get("CELERY_BROKER_URL"):
    CELERY_BROKER_URL = os.environ["CELERY_BROKER_URL"]
else:
    CELERY_BROKER_URL, CELERY_BROKER_TRANSPORT_OPTIONS = development_broker(VAR_DIR)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_RESULT_BACKEND = "django-db"
CELERY_RESULT_EXTENDED = True
CELERY_TIMEZONE = TIME_ZONE
CELERY_TASK_TRACK_STARTED = True
CELERY_TASK_TIME_LIMIT = 30 * 60
CELERY_TASK_SOFT_TIME_LIMIT = 25 * 60
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000
# Each kind of work has its queue, whoever asks for it: a schedule, the HTTP API or code.
CELERY_TASK_ROUTES = {
    "pricing.tasks.recompute_all_discounts": {"queue": "discounts"},
    "pricing.tasks.cleanup_expired_discounts": {"queue": "maintenance"},
    "pricing.tasks.update_price_history": {"queue": "analytics"},
}
CELERY_BEAT_SCHEDULER = "recurring_jobs.schedulers:DatabaseScheduler"

# The three places where a schedule may be declared: here as Celery knows it, in
# RECURRING_JOBS["SCHEDULE"], and beside the task (see focus, lab and pricing).

CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "cleanup-expired-credit-holds": {
        "task": "credits.tasks.cleanup_expired_credit_holds",
        "schedule": crontab(minute="0", hour="*/3"),
    },
}

RECURRING_JOBS: dict[str, Any] = {
    "SCHEDULE": {
        "Check endpoints": {
            "task": "starter.tasks.check_endpoints",
            "trigger": Every(minutes=15),
        },
    },
}
# The API is closed until a client is named.
if os.environ.get("EXAMPLE_API_TOKEN"):
    RECURRING_JOBS["API_TOKENS"] = {
        "example": {
            "sha256": hashlib.sha256(os.environ["EXAMPLE_API_TOKEN"].encode()).hexdigest(),
            "allow": ["trigger", "status", "view_arguments", "requeue_dead_letter"],
        },
    }
