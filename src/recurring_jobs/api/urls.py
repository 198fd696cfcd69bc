"""The addresses of the API: ``path("jobs/", include("recurring_jobs.api.urls"))``."""

from __future__ import annotations

from django.urls import path

from recurring_jobs.api import views

app_name = "recurring_jobs_api"

urlpatterns = [
    # Task names may hold any character, so that no name falls out to the host's 404 page.
    path("tasks/<path:name>/trigger", views.trigger, name="trigger"),
    path("health", views.health_of_all, name="health"),
    path("runs/<str:run_id>", views.run, name="run"),
]
