"""Who looks at the overview, and what that person may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import NoReverseMatch, reverse

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest


@dataclass(frozen=True)
class View:
    """Who looks, when, and what is asked for beside the page itself."""

    request: HttpRequest
    site: str
    now: datetime

    def list_url(self, model: str, query: str = "") -> str:
        """Return the address of a list of the admin, empty where it has none."""
        try:
            url = reverse(f"admin:recurring_jobs_{model}_changelist", current_app=self.site)
        except NoReverseMatch:
            return ""
        return f"{url}?{query}" if query else url

    def may_see(self, permission: str) -> bool:
        """Return whether the person has *permission* of this app."""
        return self.request.user.has_perm(f"recurring_jobs.{permission}")
