"""Writes runs and dead letters: each change one guarded statement that only goes forward."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connections, router, transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from recurring_jobs import tallies
from recurring_jobs.conf import conf
from recurring_jobs.runs import failures
from recurring_jobs.runs.clock import DatabaseNow
from recurring_jobs.runs.execution import tracebacks_of
from recurring_jobs.runs.models import DeadLetter, Run
from recurring_jobs.runs.states import RunState, states_before

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from recurring_jobs.runs.execution import Execution
    from recurring_jobs.runs.querysets import RunQuerySet


def start_run(execution: Execution) -> bool:
    """
    Record that an attempt begins, held by ``execution.holder``; return whether it may.

    It may not where the attempt was begun before or the run has ended: then the message
    was a second or a late copy. Of any number of copies one may.
    """
    now = timezone.now()
    values = {
        "worker": execution.worker,
        "pid": execution.pid,
        "holder": execution.holder,
        "heartbeat_at": DatabaseNow(),
        "resend_at": None,
    }
    return _put(
        execution,
        RunState.RUNNING,
        {**values, **_begun(execution)},
        once={"started_at": now},
        is_likely_new=execution.is_likely_new,
    )


def end_run(execution: Execution, state: RunState, *, exception: str = "") -> bool:
    """
    Record that the run has come to the final *state*; return whether this was believed.

    It is not where somebody else holds the run by now, or where it has ended before.
    """
    is_believed = _report(execution, state, {"finished_at": timezone.now(), "exception": exception})
    if is_believed:
        tallies.count("runs", execution.task, state.value)
    return is_believed


def retry_run(execution: Execution, *, exception: str, delay: float | None = None) -> bool:
    """
    Record that the attempt has failed and another follows; see ``end_run``.

    The other has the same message and is due in *delay* seconds; None: it has its own.
    """
    values: dict[str, Any] = {"exception": exception, "heartbeat_at": None, "resend_at": None}
    if delay is not None and not (execution.is_replacement or execution.cannot_be_stopped):
        values["resend_at"] = resend_time(delay)
    return _report(execution, RunState.RETRYING, values)


def resend_time(delay: float = 0.0) -> Any:
    """Return when to send a message again that is due in *delay* seconds; None: never."""
    after = conf.resend_after
    return None if after is None else DatabaseNow() + (after + timedelta(seconds=delay))


def wait_longer(run: Run, least: timedelta) -> bool:
    """
    Have *run*, which is to be sent again, wait until it is twice as old, for *least* or longer.

    Return whether it was still as it was read: then it is this caller's to send.
    """
    longer = max(least, timezone.now() - run.created_at)
    seen = Run.objects.using(router.db_for_write(Run)).not_begun()
    same = seen.filter(pk=run.pk, state=run.state, resend_at=run.resend_at)
    return bool(same.update(resend_at=DatabaseNow() + longer))


def beat(held: dict[str, str]) -> set[str]:
    """
    Say that the runs of *held*, ids to holders, are alive; return the ids of those that are not.

    One statement, and a second one where a run is no longer held.
    """
    rows = Run.objects.using(router.db_for_write(Run)).filter(
        pk__in=held, holder__in=held.values(), state=RunState.RUNNING.value
    )
    if rows.update(heartbeat_at=DatabaseNow()) == len(held):
        return set()
    return set(held) - set(rows.values_list("pk", flat=True))


def claim_lost(run: Run, holder: str, *, silent_for: timedelta | None = None) -> bool:
    """
    Take the run from whoever held it when *run* was read; return whether it was still so.

    With *silent_for*, only where it has been silent for so long. It is then open for
    another start of the same attempt, and *holder* has one lease to deal with it.
    """
    seen = Run.objects.using(router.db_for_write(Run))
    if silent_for is not None:
        seen = seen.silent_for(silent_for)
    is_crash = run.state == RunState.RUNNING.value
    is_unsent = run.state == RunState.QUEUED.value
    taken = seen.filter(pk=run.pk, state=run.state, holder=run.holder).update(
        state=run.state if is_unsent else RunState.RETRYING.value,
        next_attempt=F("attempt") if is_crash else F("next_attempt"),
        crashes=F("crashes") + int(is_crash),
        holder=holder,
        heartbeat_at=DatabaseNow(),
    )
    return bool(taken)


def give_back(run_id: str, holder: str, *, may_come_twice: bool) -> None:
    """Record that *holder* has sent the lost run; a worker may have begun it by now."""
    waiting = Run.objects.using(router.db_for_write(Run)).waiting()
    waiting.filter(pk=run_id, holder=holder).update(
        holder="", heartbeat_at=None, resend_at=resend_time() if may_come_twice else None
    )


def comes_back(run_id: str, delay: float) -> None:
    """Record that the run *run_id*, which waits for another, has sent itself on in *delay* s."""
    resend_at = resend_time(delay)
    if resend_at is not None:
        waiting = Run.objects.using(router.db_for_write(Run)).waiting()
        waiting.filter(pk=run_id, holder="").update(resend_at=resend_at)


def reopen_run(execution: Execution) -> None:
    """Open the attempt for another start: its worker ends it, and its message comes back."""
    again = {"next_attempt": execution.attempt, "heartbeat_at": None, "holder": ""}
    again["resend_at"] = None if execution.cannot_be_stopped else resend_time()
    rows = _of_holder(execution) if execution.holder else _of_worker(execution)
    _update(rows, RunState.RETRYING, again)


def running_at(execution: Execution) -> Run | None:
    """Return the row of the run where the worker of *execution* has it, at its attempt."""
    return _of_worker(execution).first()


def keep_letter(
    execution: Execution, exception: BaseException, last_traceback: str
) -> tuple[DeadLetter, bool]:
    """
    Store the dead letter of a run, unless there is one; return it and whether it is new.
    """
    arguments = execution.stored_arguments()
    letter, is_new = DeadLetter.objects.get_or_create(
        task_id=execution.task_id,
        defaults={
            "task": execution.task,
            "root_id": execution.root_id,
            "queue": execution.queue,
            "args": arguments.args,
            "kwargs": arguments.kwargs,
            "headers": execution.stored_headers(),
            "options": execution.options_said_again(),
            "is_sendable": not arguments.problem,
            "not_sendable_reason": arguments.problem,
            "exception_type": failures.type_name(exception),
            "exception": failures.message_text(exception, execution.redactor),
            "tracebacks": tracebacks_of(execution, last_traceback),
            "attempts": max(1, execution.attempt),
        },
    )
    if is_new:
        tallies.count("dead_letters", execution.task)
    return letter, is_new


def new_run(execution: Execution, state: RunState, values: dict[str, Any]) -> Run:
    """Return an unsaved row for the run of *execution*."""
    known = values if "args" in values else {**_message(execution), **values}
    return Run(
        id=execution.task_id,
        root_id=execution.root_id,
        retried_from=execution.retried_from,
        task=execution.task,
        state=state.value,
        fire_id=execution.fire_id,
        created_at=known.get("started_at") or timezone.now(),
        **known,
    )


def insert_run(run: Run, using: str) -> bool:
    """Store the new row *run*; return False where there is one of its id already."""
    try:
        with _savepoint(using):
            run.save(using=using, force_insert=True)
    except IntegrityError:
        return False
    return True


def _put(
    execution: Execution,
    state: RunState,
    changes: dict[str, Any],
    *,
    once: dict[str, Any] | None = None,
    is_likely_new: bool = False,
) -> bool:
    """
    Move the run to *state*, made where it has no row, unless its attempt has been begun.

    What is in *once* is written where nothing stands yet.
    """
    using = router.db_for_write(Run)
    kept = {name: Coalesce(F(name), value) for name, value in (once or {}).items()}
    new = {**changes, **(once or {})}
    if is_likely_new and insert_run(new_run(execution, state, new), using):
        return True
    if _update(_open(execution, state, using), state, {**changes, **kept}):
        return True
    run = new_run(execution, state, new)
    if not is_likely_new and insert_run(run, using):
        return True
    if Run.objects.using(using).filter(pk=run.pk).exists():
        return _update(_open(execution, state, using), state, {**changes, **kept})
    run.fire_id = None  # The fire was deleted; the run was not.
    return insert_run(run, using)


def _report(execution: Execution, state: RunState, changes: dict[str, Any]) -> bool:
    changes = {**changes, "holder": ""}
    if execution.holder:
        if _update(_of_holder(execution), state, changes):
            return True
        if execution.is_on_record:
            return False
    elif execution.was_started and _update(_of_worker(execution), state, changes):
        return True
    # Nobody has begun this attempt, as far as is known.
    return _put(execution, state, {**changes, **_begun(execution)})


def _begun(execution: Execution) -> dict[str, Any]:
    if execution.is_replacement or not execution.attempt:
        return {}
    return {**_message(execution), "next_attempt": execution.attempt + 1}


def _message(execution: Execution) -> dict[str, Any]:
    arguments = execution.stored_arguments()
    queue = {"queue": execution.queue} if execution.queue else {}
    return {
        **queue,
        "attempt": execution.attempt,
        "args": arguments.args,
        "kwargs": arguments.kwargs,
        "options": execution.stored_options(),
    }


def _open(execution: Execution, state: RunState, using: str) -> RunQuerySet:
    before = states_before(state)
    rows = Run.objects.using(using).filter(pk=execution.task_id)
    if execution.is_replacement:
        # The task that it replaces may have been recorded as skipped, and counted attempts
        # of its own.
        return rows.filter(state__in=[each.value for each in before | {RunState.SKIPPED}])
    rows = rows.filter(state__in=[each.value for each in before])
    if not execution.attempt:
        return rows
    if execution.cannot_be_stopped:
        return rows.filter(attempt__lte=execution.attempt)
    return rows.filter(next_attempt__lte=execution.attempt)


def _of_holder(execution: Execution) -> RunQuerySet:
    rows = Run.objects.using(router.db_for_write(Run))
    return rows.filter(pk=execution.task_id, holder=execution.holder)


def _of_worker(execution: Execution) -> RunQuerySet:
    rows = Run.objects.using(router.db_for_write(Run)).filter(
        pk=execution.task_id, state=RunState.RUNNING.value, worker=execution.worker
    )
    return rows if execution.is_replacement else rows.filter(attempt=execution.attempt)


def _update(rows: RunQuerySet, state: RunState, changes: dict[str, Any]) -> bool:
    with _savepoint(rows.db):
        return bool(rows.update(state=state.value, **changes))


def _savepoint(using: str) -> AbstractContextManager[object]:
    # One statement is a transaction of its own; more would only be round trips.
    is_needed = connections[using].in_atomic_block
    return transaction.atomic(using=using) if is_needed else nullcontext()
