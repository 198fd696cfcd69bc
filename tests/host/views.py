"""A page of the host's own, outside the admin, with a form for a rule."""

from __future__ import annotations

from django.views.generic import CreateView

from tests.host.models import Event


class EventCreateView(CreateView):
    """Write an event that may recur."""

    model = Event
    fields = ["title", "starts_at", "recurrence_rule", "recurrence_timezone"]
    success_url = "/admin/"
