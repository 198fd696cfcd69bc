"""Writes runs and dead letters: each change one guarded statement that only goes forward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, router, transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from recurring_jobs.runs import failures
from recurring_jobs.runs.execution import tracebacks_of
from recurring_jobs.runs.models import DeadLetter, Run
from recurring_jobs.runs.states import RunState, states_before

if TYPE_CHECKING:
    from recurring_jobs.runs.execution import Execution


def start_run(execution: Execution) -> bool:
    """
    Record that an attempt begins; return False where the run has ended or is further on.

    Then the message was a second or a late copy, and is not to be run.
    """
    now = timezone.now()
    return move_run(
        execution,
        RunState.RUNNING,
        {"worker": execution.worker, "heartbeat_at": now},
        once={"started_at": now},
    )


def end_run(execution: Execution, state: RunState, *, exception: str = "") -> bool:
    """Record that the run has come to the final *state*."""
    return move_run(execution, state, {"finished_at": timezone.now(), "exception": exception})


def move_run(
    execution: Execution,
    state: RunState,
    changes: dict[str, Any],
    *,
    once: dict[str, Any] | None = None,
) -> bool:
    """
    Move the run on to *state*, made first where it has no row; return whether it was.

    It is not where the run is in a state that *state* cannot follow, or at a later
    attempt. What is in *once* is written where nothing stands yet.
    """
    using = router.db_for_write(Run)
    kept = {name: Coalesce(F(name), value) for name, value in (once or {}).items()}
    if _update(execution, state, {**changes, **kept}, using):
        return True
    run = new_run(execution, state, {**changes, **(once or {})})
    if insert_run(run, using) or _update(execution, state, {**changes, **kept}, using):
        return True
    if Run.objects.using(using).filter(pk=run.pk).exists():
        return False
    run.fire_id = None  # The fire was deleted; the run was not.
    return insert_run(run, using)


def keep_letter(
    execution: Execution, exception: BaseException, last_traceback: str
) -> tuple[DeadLetter, bool]:
    """
    Store the dead letter of a run, unless there is one; return it and whether it is new.
    """
    arguments = execution.stored_arguments()
    return DeadLetter.objects.get_or_create(
        task_id=execution.task_id,
        defaults={
            "task": execution.task,
            "root_id": execution.root_id,
            "queue": execution.queue,
            "args": arguments.args,
            "kwargs": arguments.kwargs,
            "headers": execution.stored_headers(),
            "is_sendable": not arguments.problem,
            "not_sendable_reason": arguments.problem,
            "exception_type": failures.type_name(exception),
            "exception": failures.message_text(exception, execution.redactor),
            "tracebacks": tracebacks_of(execution, last_traceback),
            "attempts": max(1, execution.attempt),
        },
    )


def new_run(execution: Execution, state: RunState, values: dict[str, Any]) -> Run:
    """Return an unsaved row for the run of *execution*."""
    arguments = execution.stored_arguments()
    return Run(
        id=execution.task_id,
        root_id=execution.root_id,
        retried_from=execution.retried_from,
        task=execution.task,
        state=state.value,
        attempt=execution.attempt,
        queue=execution.queue,
        args=arguments.args,
        kwargs=arguments.kwargs,
        fire_id=execution.fire_id,
        created_at=values.get("started_at") or timezone.now(),
        **values,
    )


def insert_run(run: Run, using: str) -> bool:
    """Store the new row *run*; return False where there is one of its id already."""
    try:
        with transaction.atomic(using=using):
            run.save(using=using, force_insert=True)
    except IntegrityError:
        return False
    return True


def _update(execution: Execution, state: RunState, changes: dict[str, Any], using: str) -> bool:
    before = states_before(state)
    if execution.is_replacement:
        # The task that it replaces may have been recorded as skipped, and counted attempts
        # of its own.
        before |= {RunState.SKIPPED}
    rows = Run.objects.using(using).filter(
        pk=execution.task_id, state__in=[each.value for each in before]
    )
    if execution.attempt and not execution.is_replacement:
        rows = rows.filter(attempt__lte=execution.attempt)
        changes = {**changes, "attempt": execution.attempt}
    with transaction.atomic(using=using):
        return bool(rows.update(state=state.value, **changes))
