"""The way back from a trigger's plain values."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from recurring_jobs.exceptions import InvalidTriggerError, RecurringJobsError
from recurring_jobs.periodic.triggers.at import At
from recurring_jobs.periodic.triggers.cron import Cron
from recurring_jobs.periodic.triggers.every import Every
from recurring_jobs.periodic.triggers.rrule import RRule
from recurring_jobs.periodic.triggers.solar import Solar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recurring_jobs.periodic.triggers.base import Trigger


def trigger_from(spec: Mapping[str, Any]) -> Trigger:
    """
    Return the trigger whose ``spec()`` is *spec*.

    Raise InvalidTriggerError for values that are of no trigger.
    """
    try:
        found = _trigger_from(spec)
    except RecurringJobsError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise _invalid(spec) from error
    if found is None:
        raise _invalid(spec)
    return found


def _trigger_from(spec: Mapping[str, Any]) -> Trigger | None:
    match spec:
        case {"cron": str(expression), "timezone": zone}:
            return Cron(expression, timezone=zone)
        case {"every": int(count), "unit": str(unit), "anchor": anchor}:
            return Every(
                timedelta(**{unit: count}),
                anchor=None if anchor is None else datetime.fromisoformat(anchor),
            )
        case {"rrule": str(text), "start": start, "timezone": zone}:
            return RRule(text, start=start, timezone=zone)
        case {"at": str(at)}:
            return At(datetime.fromisoformat(at))
        case {"solar": str(event), "latitude": latitude, "longitude": longitude}:
            return Solar(event, latitude, longitude)
    return None


def _invalid(spec: Mapping[str, Any]) -> InvalidTriggerError:
    return InvalidTriggerError("trigger", spec, "is not what a trigger says of itself.")
