"""How the last fires of schedules ended, as a row of small bars."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from django.db.models import OuterRef, Q, Subquery
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recurring_jobs.admin import shown
from recurring_jobs.admin.fires import FIRE_KINDS
from recurring_jobs.admin.runs import RUN_KINDS
from recurring_jobs.models import Fire, Run, Schedule

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.utils.safestring import SafeString

#: How many fires of each schedule are shown.
FIRES_SHOWN = 60
#: Units from bar to bar, width of a bar, and how high the picture is.
_STEP, _WIDTH, _HEIGHT = 4, 3, 16
#: The height tells as well, to whom colours do not.
_HEIGHTS = {"good": 9, "bad": 16, "busy": 13, "warn": 5, "quiet": 3}


@dataclass(frozen=True)
class Outcome:
    """How one fire ended, in words and as a kind of colour."""

    words: str
    kind: str


def last_outcomes(schedules: Iterable[Schedule]) -> dict[int, list[Outcome]]:
    """
    Return the outcomes of the last fires of each of *schedules* by its key, the oldest first.

    Two queries, however many schedules; each reads a piece of an index for each.
    """
    recent = Fire.objects.filter(schedule=OuterRef("pk")).order_by("-claimed_at")
    oldest = recent.values("claimed_at")[FIRES_SHOWN - 1 : FIRES_SHOWN]
    keys = [schedule.pk for schedule in schedules]
    begins = Schedule.objects.filter(pk__in=keys).values_list("pk", Subquery(oldest))
    whole = Q(schedule__in=[key for key, since in begins if since is None])
    tails = (Q(schedule=key, claimed_at__gte=since) for key, since in begins if since is not None)
    wanted = Q(whole, *tails, _connector=Q.OR)
    run = Run.objects.filter(pk=OuterRef("task_id")).values("state")[:1]
    rows = Fire.objects.filter(wanted).order_by("claimed_at", "pk")
    found: defaultdict[int, list[Outcome]] = defaultdict(list)
    outcome = cache(_outcome)  # there are few, and thousands of fires
    for key, state, ran in rows.values_list("schedule_id", "state", Subquery(run)):
        found[key].append(outcome(state, ran))
    return {key: outcomes[-FIRES_SHOWN:] for key, outcomes in found.items()}


def sparkline(outcomes: Sequence[Outcome]) -> SafeString | str:
    """Return *outcomes* as a picture, the last one at its end, and in words for who hears it."""
    if not outcomes:
        return shown.NOTHING
    begin = FIRES_SHOWN - len(outcomes)
    bars: defaultdict[str, list[str]] = defaultdict(list)
    for place, outcome in enumerate(outcomes, start=begin):
        height = _HEIGHTS[outcome.kind]
        bars[outcome.kind].append(f"M{place * _STEP} {_HEIGHT}v-{height}h{_WIDTH}v{height}z")
    paths = format_html_join(
        "",
        '<path class="recurring-jobs-fill-{}" d="{}"/>',
        [(kind, "".join(shapes)) for kind, shapes in bars.items()],
    )
    return format_html(
        '<svg class="recurring-jobs-sparkline" role="img" viewBox="0 0 {} {}"'
        ' preserveAspectRatio="none" width="{}" height="{}"><title>{}</title>{}</svg>',
        FIRES_SHOWN * _STEP,
        _HEIGHT,
        FIRES_SHOWN * _STEP // 2,
        _HEIGHT,
        _in_words(outcomes),
        paths,
    )


def _outcome(state: str, ran: str | None) -> Outcome:
    if ran is not None:
        run = Run.State(ran)
        return Outcome(str(run.label), RUN_KINDS[run])
    fire = Fire.State(state)
    return Outcome(str(fire.label), FIRE_KINDS[fire])


def _in_words(outcomes: Sequence[Outcome]) -> str:
    counted = Counter(outcome.words for outcome in outcomes)
    parts = [
        _("%(outcome)s %(count)d") % {"outcome": words, "count": count}
        for words, count in counted.most_common()
    ]
    text = ngettext("Last fire: %(parts)s", "Last %(count)d fires: %(parts)s", len(outcomes))
    return text % {"count": len(outcomes), "parts": ", ".join(parts)}
