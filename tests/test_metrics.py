"""The figures for Prometheus: each is what the tables say, and costs a fixed number of queries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from recurring_jobs import metrics
from recurring_jobs.metrics import DatabaseCollector, metrics_text
from recurring_jobs.models import Beat, DeadLetter, Tally
from recurring_jobs.tallies import ATTEMPT_SECONDS, FIRE_LATENESS, count, observe
from tests.admin.rows import make_fire, make_run, make_schedule
from tests.deploy.tools import run_tool
from tests.host.models import Todo

pytestmark = pytest.mark.django_db(transaction=True)


def samples() -> dict[tuple[str, ...], float]:
    """Return the value of each sample by its name and the values of its labels."""
    text, _ = metrics_text()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def told(name: str) -> dict[tuple[str, ...], float]:
    """Return the values of one sample by those of its labels, in the order of their names."""
    return {key[1:]: value for key, value in samples().items() if key[0] == name}


def make_beat(**fields: Any) -> Beat:
    now = timezone.now()
    values = {"name": "web-1:7", "started_at": now, "ticked_at": now}
    return Beat.objects.create(**values | fields)


def test_empty_database_is_up_and_healthy():
    """Where there is nothing every part is well, and nothing is counted."""
    found = samples()

    assert found["recurring_jobs_up",] == 1
    assert set(told("recurring_jobs_healthy").values()) == {1}
    assert found["recurring_jobs_fire_lateness_seconds_bucket", "+Inf"] == 0


def test_fires_are_counted_by_schedule_and_outcome():
    """The counters of a schedule are the counters of Prometheus, of old fires as well."""
    make_schedule(taken_count=5, missed_count=4, skipped_count=3, dropped_count=2)

    assert told("recurring_jobs_fires_total") == {
        ("taken", "nightly report"): 5,
        ("missed", "nightly report"): 4,
        ("skipped", "nightly report"): 3,
        ("dropped", "nightly report"): 2,
    }


def test_schedules_are_counted_by_state():
    """A schedule is enabled or not; one that is late is overdue."""
    make_schedule(next_fire_at=timezone.now() - timedelta(minutes=1))
    make_schedule("weekly report", enabled=False)

    assert told("recurring_jobs_schedules") == {
        ("enabled",): 1,
        ("paused",): 1,
        ("withdrawn",): 0,
        ("set_aside",): 0,
    }
    assert told("recurring_jobs_schedules_overdue") == {(): 1}
    assert told("recurring_jobs_healthy")["schedules",] == 0


def test_lateness_is_a_histogram():
    """Buckets hold all that are below, as Prometheus has it, and a sum goes with them."""
    observe(FIRE_LATENESS, [0.2, 0.5, 7, 9_000])

    buckets = told("recurring_jobs_fire_lateness_seconds_bucket")

    assert [buckets[each,] for each in ("0.5", "5", "10", "3600", "+Inf")] == [2, 2, 3, 3, 4]
    assert told("recurring_jobs_fire_lateness_seconds_sum")[()] == pytest.approx(9007.7)
    assert told("recurring_jobs_fire_lateness_seconds_count")[()] == 4


def test_fires_that_wait_are_counted():
    """Those that are claimed and not yet with the broker, among others."""
    schedule = make_schedule()
    make_fire(schedule, state="claimed", claimed_at=timezone.now())

    assert told("recurring_jobs_fires_waiting") == {
        ("waiting",): 0,
        ("buffered",): 0,
        ("claimed",): 1,
    }


def test_runs_that_have_not_ended():
    """By state, exactly."""
    make_run("running", task="shop.pay", heartbeat_at=timezone.now())
    make_run("succeeded", task="shop.pay")

    assert told("recurring_jobs_runs") == {("queued",): 0, ("running",): 1, ("retrying",): 0}


def test_what_has_ended_only_grows():
    """Each counter of a task is there from its first run on, so that the next step is seen."""
    count("runs", "shop.pay", "failed", by=3)
    count("retries", "shop.ship", by=2)
    count("dead_letters", "shop.pay")
    count("crashes", "shop.pay")
    observe(ATTEMPT_SECONDS, [2, 90], subject="shop.pay")

    assert told("recurring_jobs_runs_ended_total") == {
        ("succeeded", "shop.pay"): 0,
        ("failed", "shop.pay"): 3,
        ("lost", "shop.pay"): 0,
        ("skipped", "shop.pay"): 0,
        ("succeeded", "shop.ship"): 0,
        ("failed", "shop.ship"): 0,
        ("lost", "shop.ship"): 0,
        ("skipped", "shop.ship"): 0,
    }
    assert told("recurring_jobs_retries_total") == {("shop.pay",): 0, ("shop.ship",): 2}
    assert told("recurring_jobs_dead_letters_total") == {("shop.pay",): 1, ("shop.ship",): 0}
    assert told("recurring_jobs_crashes_total") == {("shop.pay",): 1, ("shop.ship",): 0}
    buckets = told("recurring_jobs_attempt_duration_seconds_bucket")
    assert [buckets[each, "shop.pay"] for each in ("1", "2.5", "300", "+Inf")] == [0, 1, 2, 2]


def test_occurrences_made_are_counted_by_model():
    """Each model of occurrences is there, also before its first row."""
    count("occurrences", "host.Todo", by=5)

    made = told("recurring_jobs_occurrences_total")

    assert made["host.Todo",] == 5
    assert len(made) > 1
    assert sum(made.values()) == 5


def test_dead_letters_are_counted_by_task():
    """Those that wait for a person."""
    for number, state in enumerate(("open", "open", "discarded")):
        DeadLetter.objects.create(task="shop.pay", task_id=str(number), state=state)

    assert told("recurring_jobs_dead_letters_open") == {("shop.pay",): 2}


def test_beats_and_their_clocks():
    """The youngest tick, the slowest tick, and the worst clock of those that live."""
    now = timezone.now()
    make_beat(
        name="a",
        ticked_at=now - timedelta(seconds=12),
        tick_took=timedelta(seconds=2),
        clock_skew=timedelta(seconds=-3),
    )
    make_beat(name="b", ticked_at=now - timedelta(minutes=2), clock_skew=timedelta(hours=1))

    assert told("recurring_jobs_beats") == {(): 1}
    assert 12 <= told("recurring_jobs_beat_tick_age_seconds")[()] < 20
    assert told("recurring_jobs_beat_tick_duration_seconds") == {(): 2}
    assert told("recurring_jobs_beat_clock_skew_seconds") == {(): 3}


def test_templates_that_need_rows():
    """The backlog of the generator, by model."""
    Todo.objects.create(title="water", due_at=timezone.now(), recurrence_rule="FREQ=DAILY")

    assert told("recurring_jobs_templates_due")["host.Todo",] == 1


def test_number_of_queries_is_fixed(monkeypatch):
    """More rows cost no more queries, and rows past the limit are not looked at."""
    with CaptureQueriesContext(connection) as few:
        metrics_text()
    monkeypatch.setattr(metrics, "MOST_ROWS", 3)
    monkeypatch.setattr(metrics, "MOST_SCHEDULES", 2)
    now = timezone.now()
    for number in range(5):
        schedule = make_schedule(name=f"slot {number}")
        make_fire(schedule, state="published", published_at=now)
        make_run("queued")
        make_run("succeeded", task=f"task-{number}", created_at=now)
        DeadLetter.objects.create(task=f"task-{number}", task_id=str(number))
        Tally.objects.create(
            id=str(number), name="runs", subject=f"task-{number}", detail="failed", value=1
        )
    with CaptureQueriesContext(connection) as many:
        metrics_text()

    assert len(many) == len(few)
    assert told("recurring_jobs_runs")["queued",] == 3
    assert len(told("recurring_jobs_dead_letters_open")) == 3
    assert len(told("recurring_jobs_fires_total")) == 2 * 4
    assert len(told("recurring_jobs_crashes_total")) == 3


def test_database_away_is_told(caplog):
    """With the database away there is one figure: 0."""

    def refuse(*_: object) -> None:
        message = "server closed the connection"
        raise OperationalError(message)

    with connection.execute_wrapper(refuse):
        found = samples()

    assert found == {("recurring_jobs_up",): 0}
    assert "server closed" not in metrics_text()[0].decode()


def test_it_joins_a_registry_without_asking_the_database(django_assert_num_queries):
    """A project that shows figures of its own adds ours to them when it starts."""
    registry = CollectorRegistry()

    with django_assert_num_queries(0):
        registry.register(DatabaseCollector())

    assert registry.get_sample_value("recurring_jobs_up") == 1


def test_promtool_finds_no_fault():
    """Names, units and help are as Prometheus' own checker wants them."""
    make_schedule(taken_count=1)
    count("runs", "shop.pay", "failed")
    observe(ATTEMPT_SECONDS, [2], subject="shop.pay")

    run_tool("PROMTOOL", "promtool", "check", "metrics", given=metrics_text()[0])
