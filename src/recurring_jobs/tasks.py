"""The package's own Celery tasks, and the base class where people look for it first."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from celery import shared_task

from recurring_jobs.conf import conf
from recurring_jobs.runs.task import BaseTaskWithRetry

if TYPE_CHECKING:
    from recurring_jobs.recurrence.occurrences import GenerationReport

__all__ = ["BaseTaskWithRetry", "generate_occurrences", "generate_share", "prune"]

#: Seconds between two shares of a lane.
_BETWEEN_SHARES: Final = 1


@shared_task(name="recurring_jobs.generate_occurrences", base=BaseTaskWithRetry, bind=True)
def generate_occurrences(
    self: BaseTaskWithRetry, model_label: str | None = None
) -> dict[str, dict[str, int]]:
    """
    Make the occurrences that are needed now, of one model or of all recurring ones.

    *model_label* is such as ``"tasks.Task"``. One run looks at no more templates of a model
    than ``GENERATION_SHARE``. Where that was not enough, ``GENERATION_LANES`` tasks are sent
    that share the rest. Return the report of each model by its label: what this run did.
    Any number of these tasks may run at once. Raise UnknownRecurringModelError.
    """
    # Imported late, so that declarations may import this module before apps are ready.
    from recurring_jobs.recurrence import occurrences

    models = (
        occurrences.recurring_models()
        if model_label is None
        else [occurrences.recurring_model(model_label)]
    )
    reports = {}
    for model in models:
        label = model._meta.label
        report, is_done = _one_share(label, all_at_once=_has_no_workers(self))
        reports[label] = asdict(report)
        if not is_done:
            for lane in range(conf.generation_lanes):
                generate_share.apply_async(args=(label, lane), **_same_queue(self))
    return reports


@shared_task(
    name="recurring_jobs.generate_share",
    base=BaseTaskWithRetry,
    bind=True,
    no_overlap="skip",
    overlap_key=["model_label", "lane"],
)
def generate_share(self: BaseTaskWithRetry, model_label: str, lane: int) -> dict[str, int]:
    """
    Look at one share of a backlog, and send the lane on where more is due.

    There is one run of a lane at a time, however often it is sent: a schedule that comes
    round before the backlog is done adds none. Return the report. What a lane leaves
    behind when it ends early is still due, and the next run of the schedule finds it.
    """
    report, is_done = _one_share(model_label, all_at_once=_has_no_workers(self))
    if not is_done:
        # Later, since this lane is taken until this run has ended.
        self.apply_async(args=(model_label, lane), countdown=_BETWEEN_SHARES, **_same_queue(self))
    return asdict(report)


@shared_task(name="recurring_jobs.prune", base=BaseTaskWithRetry, no_overlap=True)
def prune() -> dict[str, int]:
    """
    Delete what the settings KEEP_RUNS and KEEP_DEAD_LETTERS call old; return how much.

    Declare it to be run each night: ``periodic_task(Cron("15 3 * * *"))(prune)``.
    """
    from recurring_jobs.runs import retention

    return asdict(retention.prune())


def _one_share(model_label: str, *, all_at_once: bool) -> tuple[GenerationReport, bool]:
    from recurring_jobs.recurrence import occurrences

    share = None if all_at_once else conf.generation_share
    report = occurrences.generate_occurrences(occurrences.recurring_model(model_label), limit=share)
    return report, share is None or report.templates < share


def _same_queue(task: BaseTaskWithRetry) -> dict[str, Any]:
    # Who keeps this work on a queue of its own means all of it.
    info: dict[str, Any] = dict(task.request.delivery_info or {})
    exchange, key = info.get("exchange"), info.get("routing_key")
    if exchange in {"", key}:
        return {"queue": key}
    return {"exchange": exchange, "routing_key": key} if exchange else {}


def _has_no_workers(task: BaseTaskWithRetry) -> bool:
    # With task_always_eager or run by hand: whom a share would be left to is the caller.
    return bool(task.request.is_eager or task.request.called_directly)
