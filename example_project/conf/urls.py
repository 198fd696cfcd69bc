"""The admin, the to-do list with its calendar, and the library's API."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from recurring_jobs.recurrence.preview import RulePreviewView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("focus/", include("focus.urls")),
    path("rule-preview/", RulePreviewView.as_view(), name="recurrence-rule-preview"),
    path("jobs/", include("recurring_jobs.api.urls")),
]
