"""Several generators at once, each in a process of its own."""

from __future__ import annotations

import gc
import multiprocessing
from contextlib import ExitStack
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

import django
from django.core.management.base import CommandError
from django.db import connections

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from multiprocessing.connection import Connection

    from recurring_jobs.recurrence.occurrences import GenerationReport


def generate_at_once(
    number: int,
    model_label: str,
    *,
    now: datetime,
    using: str | None,
    on_batch: Callable[[GenerationReport], object],
) -> GenerationReport:
    """
    Make what the templates of a model need at *now* by *number* processes; return the whole.

    Each takes batches that no other one has. *on_batch* is called with the report so far
    after each batch of any of them. Raise CommandError when one of them failed, after the
    others have done its work.
    """
    from recurring_jobs.recurrence.occurrences import GenerationReport

    # A child that is forked must not talk on the connection of its parent.
    connections.close_all()
    context = multiprocessing.get_context()
    report = GenerationReport()
    with ExitStack() as stack:
        processes: list[Any] = []
        reports: list[Any] = []
        for _ in range(number):
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=_generate, args=(there, model_label, now, using))
            process.start()
            stack.callback(_end, process)
            there.close()  # so that the other end is seen to close when the child ends
            processes.append(process)
            reports.append(stack.enter_context(here))
        while reports:
            ready: list[Any] = wait(reports)
            for each in ready:
                try:
                    report += each.recv()
                except EOFError:
                    reports.remove(each)
                else:
                    on_batch(report)
        for process in processes:
            process.join()
    _complain([process.exitcode for process in processes], model_label)
    return report


def _generate(
    reports: Connection[Any, Any], model_label: str, now: datetime, using: str | None
) -> None:
    django.setup()
    from recurring_jobs.recurrence.occurrences import (
        GenerationReport,
        generate_occurrences,
        recurring_model,
    )

    # This process is ours and short: what was loaded stays, and a batch leaves few cycles.
    gc.freeze()
    gc.set_threshold(100_000)
    told = GenerationReport()

    def tell(so_far: GenerationReport) -> None:
        nonlocal told
        reports.send(so_far - told)
        told = so_far

    generate_occurrences(recurring_model(model_label), now=now, using=using, on_batch=tell)
    connections.close_all()


def _end(process: Any) -> None:
    process.terminate()  # nothing to one that has ended
    process.join()


def _complain(codes: Sequence[int], model_label: str) -> None:
    if failed := [code for code in codes if code]:
        how = ", ".join(f"signal {-code}" if code < 0 else f"exit code {code}" for code in failed)
        message = (
            f"{model_label}: {len(failed)} of {len(codes)} processes failed ({how}). "
            "What they had committed stays; the next pass does the rest."
        )
        raise CommandError(message)
