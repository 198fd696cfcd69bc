"""The piece of the overview that says which beats and workers are alive."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy

from recurring_jobs.admin import shown
from recurring_jobs.inspection.liveness import BeatFacts, WorkerFacts, beats, workers

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from recurring_jobs.admin.overview_view import View

#: How long a beat or worker that fell silent is listed, and how long it is counted.
LISTED_FOR: Final = timedelta(hours=1)
COUNTED_FOR: Final = timedelta(days=1)

Facts = TypeVar("Facts", BeatFacts, WorkerFacts)

_SILENT_BEATS: Final = ngettext_lazy(
    "%(count)d more beat fell silent over an hour ago.",
    "%(count)d more beats fell silent over an hour ago.",
    "count",
)
_SILENT_WORKERS: Final = ngettext_lazy(
    "%(count)d more worker fell silent over an hour ago.",
    "%(count)d more workers fell silent over an hour ago.",
    "count",
)


def liveness(view: View) -> dict[str, Any]:
    found, silent_beats = _listed(beats(view.now))
    sees_workers = view.may_see("view_run")
    at_work, silent_workers = _listed(workers(view.now) if sees_workers else [])
    return {
        "is_alive": any(beat.is_alive for beat in found),
        "beats": [
            {
                "name": beat.name,
                "state": _life(is_alive=beat.is_alive),
                "age": _ago(beat.age),
                "clock": shown.duration(beat.clock_skew) if beat.has_wrong_clock else "",
            }
            for beat in found
        ],
        "lacks_worker": sees_workers and not any(each.is_alive for each in at_work),
        "workers": [
            {
                "name": each.name,
                "state": _life(is_alive=each.is_alive),
                "queues": each.queues,
                "url": view.list_url("run", "state__exact=running"),
                "age": _ago(each.age),
                "running": each.running,
            }
            for each in at_work
        ],
        "more_silent": [
            words % {"count": count}
            for words, count in (
                (_SILENT_BEATS, silent_beats),
                (_SILENT_WORKERS, silent_workers),
            )
            if count
        ],
    }


def _listed(found: list[Facts]) -> tuple[list[Facts], int]:
    """
    Return those to list, and how many more are silent.

    One that was killed is news for an hour; after that its row would hide those that matter.
    Where none is alive, the last to be is listed, however long ago that is.
    """
    lately = [each for each in found if each.is_alive or each.age <= LISTED_FOR]
    if found and not any(each.is_alive for each in found):
        last = min(each.age for each in found)
        lately = [each for each in found if each.age <= max(last, LISTED_FOR)]
    others = [each for each in found if each not in lately and each.age <= COUNTED_FOR]
    return lately, len(others)


def _life(*, is_alive: bool) -> SafeString:
    return shown.badge("good", _("alive")) if is_alive else shown.badge("bad", _("silent"))


def _ago(age: timedelta) -> str:
    return _("%(age)s ago") % {"age": shown.duration(age)}
