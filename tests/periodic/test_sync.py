from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import ModelEntry

from recurring_jobs import At, Cron, Every, RRule, Solar, periodic_task
from recurring_jobs.exceptions import (
    InvalidDeclarationsError,
    NothingDeclaredError,
    UnknownScheduleError,
)
from recurring_jobs.models import Schedule
from recurring_jobs.periodic import claiming, registry, upcoming
from recurring_jobs.periodic.beat_fires import mark_fired
from recurring_jobs.periodic.beat_tables import trigger_of
from recurring_jobs.periodic.sync import sync_schedules

pytestmark = pytest.mark.django_db

TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
DAILY = Cron("0 9 * * *", timezone="Europe/Paris")


def sync(app, declared: dict, **options):
    """Bring the tables in line with *declared*: name to options of ``periodic_task``."""
    with registry.no_declarations():
        for name, values in declared.items():
            periodic_task(**{"trigger": DAILY, "name": name, **values})("app.clean")
        return sync_schedules(app=app, now=TEN, **options)


def kinds(plan) -> dict[str, str]:
    return {change.name: change.kind.value for change in plan.changes}


def task(name: str = "one") -> PeriodicTask:
    return PeriodicTask.objects.select_related("recurring_schedule").get(name=name)


def edit(name: str = "one", **columns) -> None:
    """Change a row as an operator does in the admin."""
    row = PeriodicTask.objects.get(name=name)
    for column, value in columns.items():
        setattr(row, column, value)
    row.save()


@pytest.mark.parametrize(
    "trigger",
    [
        pytest.param(DAILY, id="cron"),
        pytest.param(Every(minutes=90), id="every"),
        pytest.param(Every(hours=1, anchor=datetime(2026, 1, 1, tzinfo=UTC)), id="anchored"),
        pytest.param(Solar("sunset", 48.85, 2.35), id="sun"),
        pytest.param(At(datetime(2030, 1, 1, tzinfo=UTC)), id="once"),
        pytest.param(
            RRule("FREQ=WEEKLY;BYDAY=MO", start="2026-01-05T09:00:00", timezone="UTC"), id="rule"
        ),
    ],
)
def test_declaration_becomes_a_row_that_reads_back(celery_app, trigger):
    """
    Each kind of trigger is stored, reads back the same, and a second run has nothing to do.
    """
    first = sync(celery_app, {"one": {"trigger": trigger}})
    with CaptureQueriesContext(
        connection,
    ) as second_queries:
        second = sync(celery_app, {"one": {"trigger": trigger}})

    assert kinds(first) == {"one": "create"}
    assert second.is_settled
    assert len(second_queries) == 1
    assert trigger_of(task()) == trigger
    task().full_clean()


def test_every_column_is_written(celery_app):
    """
    All that a declaration says stands in the row that other tools read.
    """
    sync(
        celery_app,
        {
            "full": {
                "args": [1, "two"],
                "kwargs": {"three": 3},
                "queue": "q",
                "exchange": "e",
                "routing_key": "r",
                "priority": 7,
                "headers": {"h": 1},
                "expires": 300,
                "description": "Why.",
                "enabled": False,
                "one_off": True,
                "start_time": TEN,
                "time_limit": 120,
                "soft_time_limit": 100,
                "misfire": "skip",
            }
        },
    )

    row = task("full")
    assert (row.task, row.args, row.kwargs, row.headers) == (
        "app.clean",
        '[1, "two"]',
        '{"three": 3}',
        '{"h": 1}',
    )
    assert (row.queue, row.exchange, row.routing_key, row.priority) == ("q", "e", "r", 7)
    assert (row.expire_seconds, row.expires, row.description) == (300, None, "Why.")
    assert (row.enabled, row.one_off, row.start_time) == (False, True, TEN)
    schedule = row.recurring_schedule
    assert (schedule.misfire, schedule.time_limit, schedule.soft_time_limit) == ("skip", 120, 100)
    assert schedule.declared_in.startswith("tests/periodic/test_sync.py:")
    assert schedule.next_fire_at is None


def test_row_can_be_run_by_the_stock_scheduler(celery_app):
    """
    The stock scheduler reads what was written: arguments, options and schedule.
    """
    sync(celery_app, {"one": {"args": [1], "queue": "q", "expires": 60}})

    entry = ModelEntry(task(), app=celery_app)

    assert (entry.task, entry.args, entry.kwargs) == ("app.clean", [1], {})
    assert (entry.options["queue"], entry.options["expires"]) == ("q", 60)


@pytest.mark.parametrize("count", [10, 200], ids=["ten", "two hundred"])
def test_second_run_writes_nothing_and_asks_once(celery_app, count, django_assert_num_queries):
    """
    However many declarations there are, a run with nothing to do is one query.
    """
    declared = {f"shard {n}": {"trigger": f"{n % 60} * * * *"} for n in range(count)}
    sync(celery_app, declared)

    with django_assert_num_queries(1):
        plan = sync(celery_app, declared)

    assert plan.is_settled
    assert PeriodicTask.objects.count() == count


def test_change_in_code_resets_the_next_fire(celery_app):
    """
    A changed trigger is computed anew from now; other changes leave the next fire alone.
    """
    sync(celery_app, {"one": {}})
    Schedule.objects.update(next_fire_at=TEN, trigger_key="k", set_aside_reason="was broken")

    sync(celery_app, {"one": {"queue": "slow"}})
    assert (task().queue, task().recurring_schedule.next_fire_at) == ("slow", TEN)

    sync(celery_app, {"one": {"queue": "slow", "trigger": Every(hours=1)}})
    schedule = task().recurring_schedule
    assert trigger_of(task()) == Every(hours=1)
    assert task().crontab_id is None
    assert (schedule.next_fire_at, schedule.trigger_key, schedule.set_aside_reason) == (
        None,
        "",
        "",
    )


def test_trigger_may_change_its_kind(celery_app):
    """
    Whatever kind comes after whatever other, nothing of the old one stays behind.
    """
    anchored = Every(hours=1, anchor=datetime(2026, 1, 1, tzinfo=UTC))
    rule = RRule("FREQ=DAILY", start="2026-01-05T09:00:00", timezone="UTC")
    for trigger in (DAILY, rule, anchored, rule, Every(hours=2), DAILY):
        sync(celery_app, {"one": {"trigger": trigger}})

        assert trigger_of(task()) == trigger
        task().full_clean()


def test_pause_by_an_operator_survives(celery_app):
    """
    What an operator changed stays through deploys that change something else.
    """
    sync(celery_app, {"one": {}})
    edit(enabled=False)

    plan = sync(celery_app, {"one": {"queue": "slow"}})

    assert (task().enabled, task().queue) == (False, "slow")
    assert [(each.name, each.field) for each in plan.drift] == [("one", "enabled")]

    sync(celery_app, {"one": {"queue": "slow"}}, force=True)
    assert task().enabled is True


def test_other_hour_set_by_an_operator_survives(celery_app):
    """
    An edited crontab row stays, is reported, and goes when the code names another hour.
    """
    sync(celery_app, {"one": {}})
    edit(crontab=CrontabSchedule.objects.create(minute="0", hour="11", timezone="UTC"))

    kept = sync(celery_app, {"one": {}})
    assert kept.is_empty
    assert trigger_of(task()) == Cron("0 11 * * *", timezone="UTC")

    sync(celery_app, {"one": {"trigger": Cron("0 12 * * *", timezone="UTC")}})
    assert trigger_of(task()) == Cron("0 12 * * *", timezone="UTC")


def test_removal_and_return(celery_app):
    """
    A removed declaration is disabled, a returning one revived, with its history.
    """
    sync(celery_app, {"one": {}, "two": {}})
    pk = task().pk

    removed = sync(celery_app, {"two": {}})
    assert kinds(removed) == {"one": "withdraw", "two": "keep"}
    assert (task().enabled, task().recurring_schedule.withdrawn_at) == (False, TEN)
    assert sync(celery_app, {"two": {}}).is_settled

    returned = sync(celery_app, {"one": {}, "two": {}})
    assert kinds(returned) == {"one": "revive", "two": "keep"}
    assert (task().pk, task().enabled) == (pk, True)
    assert task().recurring_schedule.withdrawn_at is None


def test_prune_deletes_only_what_came_from_code(celery_app):
    """
    Rows that a person made are never deleted.
    """
    sync(celery_app, {"one": {}, "two": {}})
    PeriodicTask.objects.create(name="mine", task="app.clean", crontab=task().crontab)

    sync(celery_app, {"two": {}}, prune=True)

    assert sorted(PeriodicTask.objects.values_list("name", flat=True)) == ["mine", "two"]


def test_nothing_declared_is_refused(celery_app):
    """
    With no declaration loaded nothing is disabled or deleted.
    """
    sync(celery_app, {"one": {}})

    with pytest.raises(NothingDeclaredError):
        sync(celery_app, {}, prune=True)

    assert task().enabled is True


@pytest.mark.parametrize("has_schedule", [True, False], ids=["seen by a beat", "not yet seen"])
def test_hand_made_row_is_unharmed_and_can_be_adopted(celery_app, has_schedule):
    """
    A row of the same name is reported and left alone, until --adopt takes it over.
    """
    interval = IntervalSchedule.objects.create(every=5, period="minutes")
    mine = PeriodicTask.objects.create(name="one", task="app.report", interval=interval)
    if has_schedule:
        Schedule.objects.create(periodic_task=mine, misfire="all")
    before = PeriodicTask.objects.filter(pk=mine.pk).values().get()

    plan = sync(celery_app, {"one": {}, "two": {}})

    assert [conflict.name for conflict in plan.conflicts] == ["one"]
    assert PeriodicTask.objects.filter(pk=mine.pk).values().get() == before
    assert kinds(plan) == {"two": "create"}

    adopted = sync(celery_app, {"one": {}, "two": {}}, adopt=True)

    assert kinds(adopted) == {"one": "adopt", "two": "keep"}
    assert (task().pk, task().task, trigger_of(task())) == (mine.pk, "app.clean", DAILY)
    assert task().recurring_schedule.misfire == "latest"
    assert sync(celery_app, {"one": {}, "two": {}}).is_settled


def test_row_without_any_schedule_is_repaired(celery_app):
    """
    A row of ours that lost its crontab gets it back, and never makes the command fail.
    """
    sync(celery_app, {"one": {}})
    PeriodicTask.objects.update(crontab=None)

    sync(celery_app, {"one": {}})

    assert trigger_of(task()) == DAILY


def test_wrong_declaration_leaves_everything_as_it_was(celery_app):
    """
    One wrong declaration among good ones: nothing is written at all.
    """
    with pytest.raises(InvalidDeclarationsError):
        sync(celery_app, {"good": {}, "bad": {"priority": 999}})

    assert PeriodicTask.objects.count() == 0


def test_dry_run_writes_nothing(celery_app):
    """
    A dry run answers with the plan that the real run applies.
    """
    plan = sync(celery_app, {"one": {}}, dry_run=True)

    assert PeriodicTask.objects.count() == 0
    assert sync(celery_app, {"one": {}}).counts() == plan.counts()


def test_change_marker_is_bumped_once_and_only_for_changes(celery_app):
    """
    Schedulers reload after a change, and not after a run that changed nothing.
    """
    with CaptureQueriesContext(connection) as queries:
        sync(celery_app, {f"shard {n}": {} for n in range(20)})
    marks = [q for q in queries if "periodictasks" in q["sql"] and "SELECT" not in q["sql"]]
    before = PeriodicTasks.last_change()

    with override_settings(RECURRING_JOBS={}):
        sync(celery_app, {f"shard {n}": {} for n in range(20)})

    assert len(marks) == 1
    assert PeriodicTasks.last_change() == before
    assert CrontabSchedule.objects.count() == 1


def test_end_is_kept_where_other_schedulers_look(celery_app):
    """
    The end of a schedule stands in django-celery-beat's own column, and can be taken away.
    """
    sync(celery_app, {"one": {"end_time": TEN}})
    assert (task().expires, task().expire_seconds) == (TEN, None)

    sync(celery_app, {"one": {"expires": 60}})
    assert (task().expires, task().expire_seconds) == (None, 60)
    assert sync(celery_app, {"one": {"expires": 60}}).is_settled


@pytest.mark.parametrize(
    ("last", "comes_back"),
    [
        pytest.param(timedelta(minutes=10), True, id="ran to its end"),
        pytest.param(timedelta(days=3), False, id="paused before"),
    ],
)
def test_schedule_that_came_to_its_end(celery_app, last, comes_back):
    """
    Its end is no drift, and a later one in code goes on with it, unless it had been paused.
    """
    hourly = {"trigger": Every(hours=1), "end_time": TEN - timedelta(hours=5)}
    sync(celery_app, {"one": hourly})
    ended = hourly["end_time"]
    mark_fired([task().pk], at=ended - last, times=3, is_over=True, using="default")

    over = sync(celery_app, {"one": hourly})
    longer = sync(celery_app, {"one": {**hourly, "end_time": TEN + timedelta(days=9)}})

    assert not over.differs
    assert task().enabled is comes_back
    assert [each.field for each in longer.drift] == ([] if comes_back else ["enabled"])


def test_only_the_named_are_touched(celery_app):
    """
    With names given, what else changed, came or went waits for another run.
    """
    sync(celery_app, {"one": {}, "two": {}, "gone": {}})
    declared = {"one": {"queue": "q"}, "two": {"queue": "q"}, "new": {}}

    plan = sync(celery_app, declared, only=["one", "gone"])

    assert kinds(plan) == {"one": "update", "gone": "withdraw"}
    assert (task("one").queue, task("two").queue, task("gone").enabled) == ("q", None, False)
    assert not PeriodicTask.objects.filter(name="new").exists()


def test_unknown_name_is_refused(celery_app):
    """
    A misspelt name does not look like a run with nothing to do.
    """
    with pytest.raises(UnknownScheduleError, match=r"'onne' is declared.*'one'"):
        sync(celery_app, {"one": {}}, only=["onne"])


def test_policies_are_stored_beside_the_row_and_compared(celery_app):
    """
    Misfire bounds, overlap, jitter and pausing stand in our row; an operator's edit is drift.
    """
    declared = {
        "one": {
            "misfire": "all",
            "grace": 5,
            "catchup_window": timedelta(hours=2),
            "max_catchup": 3,
            "overlap": "buffer_one",
            "jitter": timedelta(minutes=1),
            "remaining_fires": 9,
            "pause_after_failures": 4,
        }
    }
    sync(celery_app, declared)
    stored = Schedule.objects.values(*declared["one"]).get()
    Schedule.objects.update(jitter=timedelta(0))

    plan = sync(celery_app, declared)

    assert stored == {
        "misfire": "all",
        "grace": timedelta(seconds=5),
        "catchup_window": timedelta(hours=2),
        "max_catchup": 3,
        "overlap": "buffer_one",
        "jitter": timedelta(minutes=1),
        "remaining_fires": 9,
        "pause_after_failures": 4,
    }
    assert [(each.field, each.stored, each.declared) for each in plan.drift] == [
        ("jitter", 0.0, 60.0)
    ]


def test_counting_down_is_no_drift_and_is_not_undone(celery_app):
    """
    Fires take from what remains; to run the command again gives none of them back.
    """
    sync(celery_app, {"one": {"remaining_fires": 5}})
    Schedule.objects.update(remaining_fires=2)

    plan = sync(celery_app, {"one": {"remaining_fires": 5}}, force=True)
    sync(celery_app, {"one": {"remaining_fires": 5, "queue": "slow"}})

    assert plan.is_settled
    assert Schedule.objects.get().remaining_fires == 2


def test_more_than_the_code_gives_is_an_operators_word(celery_app):
    """
    Who gives a schedule more fires, or no limit, in the admin is reported as drift.
    """
    sync(celery_app, {"one": {"remaining_fires": 5}})
    Schedule.objects.update(remaining_fires=None)

    plan = sync(celery_app, {"one": {"remaining_fires": 5}})

    assert [(each.field, each.stored, each.declared) for each in plan.drift] == [
        ("remaining_fires", None, 5)
    ]


def test_another_number_starts_the_count_anew(celery_app):
    """
    A schedule that has ended stays so, until the code gives it another number of fires.
    """
    sync(celery_app, {"one": {"remaining_fires": 5}})
    Schedule.objects.update(remaining_fires=0)
    PeriodicTask.objects.update(enabled=False, total_run_count=5)

    ended = sync(celery_app, {"one": {"remaining_fires": 5}})
    sync(celery_app, {"one": {"remaining_fires": 6}})

    assert ended.is_settled
    assert ended.drift == ()
    assert Schedule.objects.get().remaining_fires == 6
    assert PeriodicTask.objects.get().enabled


def test_remaining_fires_from_settings_end_the_schedule(celery_app, settings):
    """
    A schedule that settings give two fires is fired twice, and is disabled then.
    """
    settings.RECURRING_JOBS = {
        "SCHEDULE": {
            "twice": {"task": "app.report", "trigger": Every(hours=1), "remaining_fires": 2}
        }
    }
    now = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    sync_schedules(app=celery_app, now=now)
    upcoming.apply_changes(now=now, using="default", limit=9)

    fired = [
        len(
            claiming.claim_due(now=now + hours * timedelta(hours=1), using="default", limit=9).fires
        )
        for hours in range(1, 5)
    ]

    assert fired == [1, 1, 0, 0]
    assert not PeriodicTask.objects.get().enabled
