"""
Figures for Prometheus, read from the database when they are asked for.

They are right for any number of processes, and they cost the same however long the tables
are: a fixed number of queries, each by an index and over at most ``MOST_ROWS`` rows.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final

from django.db import DatabaseError, InterfaceError
from django.db.models import Q
from django.utils import timezone

from recurring_jobs.exceptions import ExtraMissingError
from recurring_jobs.inspection import health
from recurring_jobs.inspection.liveness import (
    MOST_COUNTED,
    beats,
    count_up_to,
    living_workers,
    overdue_schedules,
    stuck_runs,
)
from recurring_jobs.models import DeadLetter, Fire, Run, Schedule, Tally
from recurring_jobs.recurrence.layout import layout_of
from recurring_jobs.recurrence.occurrences import recurring_models
from recurring_jobs.recurrence.querysets import RecurringTemplateQuerySet
from recurring_jobs.tallies import ATTEMPT_SECONDS, FIRE_LATENESS, NO_BOUND, SUM, Measure

try:
    from prometheus_client import CollectorRegistry, exposition
    from prometheus_client.metrics_core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )
    from prometheus_client.registry import Collector
except ImportError as error:  # pragma: no cover  a cell of tox without the extra
    raise ExtraMissingError("prometheus", "prometheus-client") from error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from prometheus_client.metrics_core import Metric

    #: Values by name, subject and detail.
    _Tallies = defaultdict[str, defaultdict[str, dict[str, float]]]

logger = logging.getLogger(__name__)

#: More rows than this are not looked at, as no more are counted.
MOST_ROWS: Final = MOST_COUNTED
#: More schedules than this are not told one by one.
MOST_SCHEDULES: Final = 1_000

_OUTCOMES: Final = ("taken", "missed", "skipped", "dropped")
_WAITING_FIRES: Final = (Fire.State.WAITING, Fire.State.BUFFERED, Fire.State.CLAIMED)
_OPEN_RUNS: Final = (Run.State.QUEUED, Run.State.RUNNING, Run.State.RETRYING)
_ENDED_RUNS: Final = (
    Run.State.SUCCEEDED,
    Run.State.FAILED,
    Run.State.LOST,
    Run.State.SKIPPED,
)
_COUNTED_BY_TASK: Final = (
    ("retries", "recurring_jobs_retries", "Attempts that failed and were followed by another."),
    ("crashes", "recurring_jobs_crashes", "Attempts whose worker was lost."),
    ("dead_letters", "recurring_jobs_dead_letters", "Runs that gave up, and were kept."),
)


class DatabaseCollector(Collector):
    """
    Tells the figures of the database to a registry of ``prometheus_client``.

    ``REGISTRY.register(DatabaseCollector())`` adds them to what a project shows already.
    With the database away ``recurring_jobs_up`` is 0 and nothing else is told.
    """

    def describe(self) -> list[Metric]:
        """Return nothing: a registry is not to ask the database when the project starts."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now."""
        now = timezone.now()
        try:
            found = [metric for part in _PARTS for metric in part(now)]
        except (DatabaseError, InterfaceError):
            logger.warning("recurring_jobs.metrics.database_away", exc_info=True)
            found = []
        up = GaugeMetricFamily("recurring_jobs_up", "1 where the database could be asked.")
        up.add_metric([], bool(found))
        yield up
        yield from found


def metrics_text(accepted: str = "") -> tuple[bytes, str]:
    """Return the figures in the form that an Accept header asks for, and its content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(DatabaseCollector())
    encode, content_type = exposition.choose_encoder(accepted)
    return encode(registry), content_type


def _health(now: datetime) -> Iterator[Metric]:
    healthy = GaugeMetricFamily(
        "recurring_jobs_healthy", "1 where the part is well, as GET health tells.", labels=["part"]
    )
    for part in health(now):
        healthy.add_metric([part.name], part.is_well)
    yield healthy


def _beats(now: datetime) -> Iterator[Metric]:
    known = beats(now)
    alive = [beat for beat in known if beat.is_alive]
    count = GaugeMetricFamily("recurring_jobs_beats", "Beats that ticked within 30 seconds.")
    count.add_metric([], len(alive))
    age = GaugeMetricFamily(
        "recurring_jobs_beat_tick_age_seconds",
        "Seconds since the last tick of any beat; written every 10 seconds.",
    )
    took = GaugeMetricFamily(
        "recurring_jobs_beat_tick_duration_seconds", "How long the longest of the last ticks took."
    )
    skew = GaugeMetricFamily(
        "recurring_jobs_beat_clock_skew_seconds",
        "How far the worst clock of a beat's host is from the database's, either way.",
    )
    if known:
        age.add_metric([], max(0.0, min(beat.age for beat in known).total_seconds()))
    if alive:
        took.add_metric([], max(beat.tick_took for beat in alive).total_seconds())
        skew.add_metric([], max(abs(beat.clock_skew) for beat in alive).total_seconds())
    yield from (count, age, took, skew)


def _schedules(now: datetime) -> Iterator[Metric]:
    fires = CounterMetricFamily(
        "recurring_jobs_fires",
        "Nominal times by what became of them: taken (to be run), missed (too late), skipped"
        " (an earlier one was still running, or by hand), dropped (too many were waiting).",
        labels=["schedule", "outcome"],
    )
    states: Counter[str] = Counter()
    told = Schedule.objects.select_related("periodic_task").order_by("pk")
    for schedule in told[:MOST_SCHEDULES]:
        states[schedule.state] += 1
        for outcome in _OUTCOMES:
            count = getattr(schedule, f"{outcome}_count")
            fires.add_metric([schedule.periodic_task.name, outcome], count)
    known = GaugeMetricFamily(
        "recurring_jobs_schedules",
        "Schedules by state: enabled, paused, withdrawn (its declaration has gone), set_aside"
        " (it cannot be read and does not fire).",
        labels=["state"],
    )
    for state in ("enabled", "paused", "withdrawn", "set_aside"):
        known.add_metric([state], states[state])
    overdue = GaugeMetricFamily(
        "recurring_jobs_schedules_overdue",
        "Schedules that should have fired 30 seconds ago, and that no beat has taken up.",
    )
    overdue.add_metric([], count_up_to(overdue_schedules(now), MOST_ROWS))
    yield from (fires, known, overdue)


def _fires(_now: datetime) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "recurring_jobs_fires_waiting",
        "Fires that have not gone out: waiting for their time, buffered behind another, or"
        " claimed and not yet with the broker.",
        labels=["state"],
    )
    for state in _WAITING_FIRES:
        waiting.add_metric([str(state)], count_up_to(Fire.objects.filter(state=state), MOST_ROWS))
    yield waiting


def _runs(_now: datetime) -> Iterator[Metric]:
    unfinished = GaugeMetricFamily(
        "recurring_jobs_runs", "Runs on record that have not ended.", labels=["state"]
    )
    for state in _OPEN_RUNS:
        unfinished.add_metric([str(state)], count_up_to(Run.objects.filter(state=state), MOST_ROWS))
    stuck = GaugeMetricFamily(
        "recurring_jobs_runs_stuck", "Runs that were lost, and that nobody has taken up."
    )
    stuck.add_metric([], count_up_to(stuck_runs(), MOST_ROWS))
    yield from (unfinished, stuck)


def _workers(now: datetime) -> Iterator[Metric]:
    metric = GaugeMetricFamily("recurring_jobs_workers", "Workers that gave a sign of life lately.")
    metric.add_metric([], count_up_to(living_workers(now)))
    yield metric


def _dead_letters(_now: datetime) -> Iterator[Metric]:
    metric = GaugeMetricFamily(
        "recurring_jobs_dead_letters_open", "Dead letters that wait for a person.", labels=["task"]
    )
    newest = DeadLetter.objects.open().order_by("-failed_at").values_list("task", flat=True)
    for task, number in sorted(Counter(newest[:MOST_ROWS]).items()):
        metric.add_metric([task], number)
    yield metric


def _templates(now: datetime) -> Iterator[Metric]:
    due = GaugeMetricFamily(
        "recurring_jobs_templates_due", "Templates that need rows now.", labels=["model"]
    )
    for model in recurring_models():
        rows: Any = RecurringTemplateQuerySet(model)
        due.add_metric([model._meta.label], count_up_to(rows.due(now)))
    yield due


def _tallies(_now: datetime) -> Iterator[Metric]:
    """Tell what was counted since the tables were made."""
    found = _found_tallies()
    names = ("runs", *(name for name, _metric, _meaning in _COUNTED_BY_TASK))
    # One that begins at 1 would not be seen to grow: each task has all of them.
    tasks = sorted({task for name in names for task in found[name]})
    ended = CounterMetricFamily(
        "recurring_jobs_runs_ended",
        "Runs on record that have ended, by how.",
        labels=["task", "state"],
    )
    for task in tasks:
        for state in _ENDED_RUNS:
            ended.add_metric([task, str(state)], found["runs"][task].get(str(state), 0))
    yield ended
    for name, metric, meaning in _COUNTED_BY_TASK:
        family = CounterMetricFamily(metric, meaning, labels=["task"])
        for task in tasks:
            family.add_metric([task], found[name][task].get("", 0))
        yield family
    occurrences = CounterMetricFamily(
        "recurring_jobs_occurrences", "Occurrences made.", labels=["model"]
    )
    known = {layout_of(model).occurrence._meta.label for model in recurring_models()}
    for model in sorted(known | found["occurrences"].keys()):
        occurrences.add_metric([model], found["occurrences"][model].get("", 0))
    yield occurrences
    yield _histogram(
        "recurring_jobs_attempt_duration_seconds",
        "Seconds that an attempt at a run was at work, however it ended.",
        ATTEMPT_SECONDS,
        found,
        labels=["task"],
    )
    yield _histogram(
        "recurring_jobs_fire_lateness_seconds",
        "Seconds from the nominal time of a scheduled fire to its message.",
        FIRE_LATENESS,
        found,
    )


_PARTS: Final[tuple[Callable[[datetime], Iterator[Metric]], ...]] = (
    _health,
    _beats,
    _schedules,
    _fires,
    _runs,
    _workers,
    _dead_letters,
    _templates,
    _tallies,
)


def _found_tallies() -> _Tallies:
    found: _Tallies = defaultdict(lambda: defaultdict(dict))
    rows = Tally.objects.order_by("name", "subject", "detail")
    is_measured = Q(name=ATTEMPT_SECONDS.name)
    # Those have many rows for each task, and are not to crowd out the others.
    for some in (rows.exclude(is_measured), rows.filter(is_measured)):
        facts = some.values_list("name", "subject", "detail", "value")
        for name, subject, detail, value in facts[:MOST_ROWS]:
            found[name][subject][detail] = value
    return found


def _histogram(
    name: str, meaning: str, measure: Measure, found: _Tallies, *, labels: Sequence[str] = ()
) -> Metric:
    """Return how what was observed is distributed, by subject where there are *labels*."""
    metric = HistogramMetricFamily(name, meaning, labels=labels)
    for subject in found[measure.name] if labels else [""]:
        counts = found[measure.name][subject]
        below, buckets = 0.0, []
        for bound in (*map(str, measure.bounds), NO_BOUND):
            below += counts.get(bound, 0)
            buckets.append((bound, below))
        metric.add_metric([subject] if labels else [], buckets, counts.get(SUM, 0))
    return metric
