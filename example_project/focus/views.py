"""A page for each person: what comes next, a form for more, and the address of the calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.urls import reverse, reverse_lazy
from django.views.generic import CreateView

from focus.models import Task
from recurring_jobs.recurrence.feeds import feed_token

if TYPE_CHECKING:
    from django import forms
    from django.http import HttpResponse


class TasksView(LoginRequiredMixin, CreateView):
    """Add a task, which may recur; see the next ones; subscribe to all of them."""

    model = Task
    fields = ["title", "due_at", "recurrence_rule", "recurrence_timezone"]
    template_name = "focus/tasks.html"
    success_url = reverse_lazy("focus:tasks")

    def form_valid(self, form: forms.ModelForm[Task]) -> HttpResponse:
        form.instance.owner = self.request.user
        return super().form_valid(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        feed = reverse("focus:feed", args=[feed_token(self.request.user)])
        return super().get_context_data(
            **kwargs,
            feed_url=self.request.build_absolute_uri(feed),
            templates=Task.objects.templates().filter(owner=self.request.user),
            upcoming=Task.objects.upcoming().filter(owner=self.request.user)[:10],
        )
