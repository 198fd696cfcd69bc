"""How far a run says it is, written to its row at most once a second."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from django.db import Error as DatabaseError
from django.db import router, transaction

from recurring_jobs.runs.arguments import clean_text, redactor_of
from recurring_jobs.runs.execution import facts_of
from recurring_jobs.runs.models import Run
from recurring_jobs.runs.states import RunState

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

#: Seconds between two writes; what is reported in between is kept for the next.
PAUSE = 1.0
#: Characters of a note that are kept.
LONGEST_NOTE = 255


class Progress:
    """What one attempt at a run reports; the first report and the last are always written."""

    def __init__(
        self, task: Any, request: Any, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._task = task
        self._request = request
        self._clock = clock
        self._written_at = float("-inf")
        self._owed: dict[str, Any] = {}

    def report(self, done: float, total: float | None = None, note: str = "") -> None:
        """Write how far the run is, now or with a later report. Raise ValueError if negative."""
        if done < 0 or (total is not None and total < 0):
            message = f"report_progress({done!r}, {total!r}): give numbers of at least 0."
            raise ValueError(message)
        self._owed = {
            "progress_done": int(done),
            "progress_total": None if total is None else int(total),
            "progress_note": self._shown(note),
        }
        is_last = total is not None and done >= total
        if is_last or self._clock() - self._written_at >= PAUSE:
            self.flush()

    def flush(self) -> None:
        """Write what is not written yet."""
        if not self._owed:
            return
        owed, self._owed, self._written_at = self._owed, {}, self._clock()
        using = router.db_for_write(Run)
        rows = Run.objects.using(using).filter(pk=self._request.id, state=RunState.RUNNING.value)
        try:
            with transaction.atomic(using=using):
                rows.update(**owed)
        except DatabaseError:
            # A figure that is not shown harms no task.
            facts = facts_of(self._task, self._request)
            logger.exception("recurring_jobs.run.progress_not_recorded", extra=facts)

    def _shown(self, note: str) -> str:
        redactor = redactor_of(self._task, self._request)
        return clean_text(redactor.redact_text(str(note)))[:LONGEST_NOTE]
