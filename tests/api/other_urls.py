"""A project that mounts the API somewhere else."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("deep/down/", include("recurring_jobs.api.urls"))]
