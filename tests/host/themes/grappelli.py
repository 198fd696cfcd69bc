"""Settings of the host project with django-grappelli."""

from __future__ import annotations

from tests.host.settings import *  # noqa: F403
from tests.host.settings import INSTALLED_APPS as USUAL

INSTALLED_APPS = ["grappelli", *USUAL]

ROOT_URLCONF = "tests.host.themes.grappelli_urls"
