"""The overview as a tag, so that every admin site has it on the page of this app."""

from __future__ import annotations

from typing import Any

from django import template
from django.template.context import Context  # noqa: TC002  read by the registry at run time

from recurring_jobs.admin.overview import overview

register = template.Library()


@register.inclusion_tag("recurring_jobs/admin/overview.html", takes_context=True)
def recurring_jobs_overview(context: Context) -> dict[str, Any]:
    """Return what the overview shows to the user of the page."""
    request = context["request"]
    return overview(request, request.current_app)
