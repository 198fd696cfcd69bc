"""Where Django meets the package."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class RecurringJobsConfig(AppConfig):
    """Connect the signals and register the checks when Django is ready."""

    name = "recurring_jobs"
    label = "recurring_jobs"
    verbose_name = _("Recurring jobs")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        if not hasattr(settings, "RECURRING_JOBS"):
            # It is read for each task; what is not there takes Django ten times as long.
            settings.RECURRING_JOBS = {}

        from recurring_jobs import alerts, checks, deploy_checks, patience, startup, tallies  # noqa: F401  checks register themselves
        from recurring_jobs.management.after_migrate import sync_after_migrate
        from recurring_jobs.periodic import change_feed, failures
        from recurring_jobs.recurrence import links
        from recurring_jobs.runs import reaper, recorder
        from recurring_jobs.runs.logs import guard_logs
        from recurring_jobs.signals import run_gave_up

        startup.connect()
        alerts.connect()
        patience.connect()
        recorder.connect()
        reaper.connect()
        tallies.connect()
        links.connect()
        guard_logs()
        post_migrate.connect(change_feed.on_migrate, sender=self, weak=False)
        run_gave_up.connect(failures.on_run_gave_up, weak=False)
        post_migrate.connect(
            sync_after_migrate, sender=self, dispatch_uid="recurring_jobs.sync_after_migrate"
        )
