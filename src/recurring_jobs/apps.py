"""Where Django meets the package."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RecurringJobsConfig(AppConfig):
    """Connect the signals and register the checks when Django is ready."""

    name = "recurring_jobs"
    label = "recurring_jobs"
    verbose_name = _("Recurring jobs")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from recurring_jobs import checks  # noqa: F401  registers itself
        from recurring_jobs.recurrence import links
        from recurring_jobs.runs import reaper, recorder
        from recurring_jobs.runs.logs import guard_logs

        recorder.connect()
        reaper.connect()
        links.connect()
        guard_logs()
