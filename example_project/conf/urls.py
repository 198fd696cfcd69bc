"""The admin, and the library's API for triggering tasks and asking what became of them."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("jobs/", include("recurring_jobs.api.urls")),
]
