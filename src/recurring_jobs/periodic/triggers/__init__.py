"""When a schedule fires: plain values that know their next time and say themselves in words."""

from __future__ import annotations

from recurring_jobs.periodic.triggers.at import At
from recurring_jobs.periodic.triggers.base import Trigger, check_timezone
from recurring_jobs.periodic.triggers.cron import Cron
from recurring_jobs.periodic.triggers.every import Every
from recurring_jobs.periodic.triggers.rrule import RRule
from recurring_jobs.periodic.triggers.solar import Solar
from recurring_jobs.periodic.triggers.specs import trigger_from

__all__ = ["At", "Cron", "Every", "RRule", "Solar", "Trigger", "check_timezone", "trigger_from"]
