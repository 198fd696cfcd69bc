"""Settings of the host project with django-unfold."""

from __future__ import annotations

from tests.host.settings import *  # noqa: F403
from tests.host.settings import INSTALLED_APPS as USUAL

INSTALLED_APPS = ["unfold", *USUAL]
