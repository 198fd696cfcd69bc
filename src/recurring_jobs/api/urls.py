"""The addresses of the API: ``path("jobs/", include("recurring_jobs.api.urls"))``."""

from __future__ import annotations

from django.urls import path, re_path

from recurring_jobs.api import document, health, letters, metrics, runs, schedules, tasks, templates
from recurring_jobs.api.endpoints import no_address

app_name = "recurring_jobs_api"

urlpatterns = [
    # Task names may hold any character, so that no name falls out to the host's 404 page.
    path("tasks/<path:name>/trigger", tasks.trigger, name="trigger"),
    path("openapi.json", document.openapi, name="openapi"),
    path("alive", health.alive, name="alive"),
    path("health", health.health_of_all, name="health"),
    path("metrics", metrics.metrics, name="metrics"),
    path("runs", runs.runs, name="runs"),
    path("runs/<str:run_id>", runs.run, name="run"),
    path("runs/<str:run_id>/cancel", runs.cancel, name="cancel"),
    path("schedules", schedules.schedules, name="schedules"),
    path("schedules/<int:pk>", schedules.schedule, name="schedule"),
    path("schedules/<int:pk>/pause", schedules.pause, name="pause"),
    path("schedules/<int:pk>/resume", schedules.resume, name="resume"),
    path("schedules/<int:pk>/skip-next", schedules.skip_next, name="skip-next"),
    path("schedules/<int:pk>/run", schedules.run_now, name="run-now"),
    path("schedules/<int:pk>/backfill", schedules.backfill, name="backfill"),
    path("dead-letters", letters.letters, name="dead-letters"),
    path("dead-letters/requeue", letters.requeue_many, name="requeue-many"),
    path("dead-letters/<int:pk>", letters.letter, name="dead-letter"),
    path("dead-letters/<int:pk>/requeue", letters.requeue, name="requeue"),
    path("dead-letters/<int:pk>/discard", letters.discard, name="discard"),
    path("templates/<str:label>/<str:pk>/occurrences", templates.occurrences, name="occurrences"),
    # Last, so that what has no address is told as every other problem.
    re_path(r"", no_address),
]
