"""The addresses of the API: ``path("jobs/", include("recurring_jobs.api.urls"))``."""

from __future__ import annotations

from django.urls import path

from recurring_jobs.api import schedules, views

app_name = "recurring_jobs_api"

urlpatterns = [
    # Task names may hold any character, so that no name falls out to the host's 404 page.
    path("tasks/<path:name>/trigger", views.trigger, name="trigger"),
    path("health", views.health_of_all, name="health"),
    path("runs/<str:run_id>", views.run, name="run"),
    path("schedules", schedules.schedules, name="schedules"),
    path("schedules/<int:pk>", schedules.schedule, name="schedule"),
    path("schedules/<int:pk>/pause", schedules.pause, name="pause"),
    path("schedules/<int:pk>/resume", schedules.resume, name="resume"),
    path("schedules/<int:pk>/skip-next", schedules.skip_next, name="skip-next"),
    path("schedules/<int:pk>/run", schedules.run_now, name="run-now"),
    path("schedules/<int:pk>/backfill", schedules.backfill, name="backfill"),
]
