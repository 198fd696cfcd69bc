from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurring_jobs import At, Cron, Every
from recurring_jobs.exceptions import NothingDeclaredError
from recurring_jobs.periodic.declarations import Declaration
from recurring_jobs.periodic.plan import (
    Change,
    Conflict,
    Drift,
    FieldChange,
    Kind,
    Plan,
    Stored,
    find_drift,
    make_plan,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
NIGHTLY = Declaration(
    name="nightly", task="app.clean", trigger=Cron("0 2 * * *", timezone="UTC"), source="app.py:1"
)


def stored(declaration: Declaration = NIGHTLY, *, is_over=False, is_past=False, **edits) -> Stored:
    """The row that *declaration* left, with what people changed since."""
    values = declaration.values()
    return Stored(
        declaration.name,
        {**values, **edits},
        values,
        declaration.source,
        is_over=is_over,
        is_past=is_past,
    )


def plan(declared, rows, **options) -> Plan:
    return make_plan(declared, {row.name: row for row in rows}, now=NOW, **options)


def apply(made: Plan, rows: dict[str, Stored]) -> dict[str, Stored]:
    """What the tables hold after *made* was applied to *rows*."""
    after = dict(rows)
    for change in made.changes:
        if change.kind is Kind.PRUNE:
            del after[change.name]
            continue
        before = after.get(change.name, Stored(change.name, {}, {}))
        after[change.name] = replace(
            before,
            values={**before.values, **{each.field: each.new for each in change.fields}},
            applied=change.applied,
            declared_in=change.declared_in,
            is_withdrawn=change.kind is Kind.WITHDRAW,
            is_over=False,
        )
    return after


def test_new_declaration_is_created():
    """
    What the tables do not have is created with every field.
    """
    made = plan([NIGHTLY], [])

    [change] = made.changes
    assert (change.kind, change.name, change.applied) == ("create", "nightly", NIGHTLY.values())
    assert {each.field: each.new for each in change.fields} == NIGHTLY.values()


def test_second_run_has_nothing_to_do():
    """
    Once applied, the same declarations plan no change and nothing to note.
    """
    made = plan([NIGHTLY], [stored()])

    assert made.is_empty
    assert made.is_settled
    assert not made.differs


def test_change_in_code_is_applied():
    """
    A field that only the code changed gets the code's value, and no other is touched.
    """
    made = plan([replace(NIGHTLY, queue="slow")], [stored()])

    [change] = made.changes
    assert change.kind is Kind.UPDATE
    assert change.fields == (FieldChange("queue", None, "slow"),)


def test_change_by_an_operator_stays():
    """
    A field that only an operator changed is kept and reported as drift.
    """
    made = plan([NIGHTLY], [stored(enabled=False)])

    assert made.is_empty
    assert made.drift == (Drift("nightly", "enabled", stored=False, declared=True),)
    assert made.differs


def test_force_puts_the_word_of_the_code_back():
    """
    With force, an operator's change is undone.
    """
    made = plan([NIGHTLY], [stored(queue="fast")], force=True)

    assert made.changes[0].fields == (FieldChange("queue", "fast", None, replaces_edit=True),)
    assert made.drift == ()


def test_change_on_both_sides_takes_the_newer_word_of_the_code():
    """
    Where an operator and then the code changed one field, the code wins and says so.
    """
    made = plan([replace(NIGHTLY, queue="slow")], [stored(queue="fast", enabled=False)])

    assert made.changes[0].fields == (FieldChange("queue", "fast", "slow", replaces_edit=True),)
    assert made.drift == (Drift("nightly", "enabled", stored=False, declared=True),)


def test_both_sides_agree():
    """
    When the code takes over what an operator set, nothing is left to change but our memory.
    """
    made = plan([replace(NIGHTLY, queue="fast")], [stored(queue="fast")])

    assert made.is_empty
    assert not made.differs
    assert not made.is_settled
    assert made.changes[0].applied["queue"] == "fast"


def test_moved_line_is_only_noted():
    """
    A declaration that moved in its file changes no schedule.
    """
    made = plan([replace(NIGHTLY, source="app.py:20")], [stored()])

    assert made.is_empty
    assert made.changes[0].is_noted


def test_removed_declaration_is_disabled():
    """
    What is no longer declared is disabled once, and then left alone.
    """
    rows = {"nightly": stored(), "other": stored(replace(NIGHTLY, name="other"))}
    other = [replace(NIGHTLY, name="other")]

    first = make_plan(other, rows, now=NOW)
    second = make_plan(other, apply(first, rows), now=NOW)

    assert first.of(Kind.WITHDRAW) == [
        Change(
            Kind.WITHDRAW,
            "nightly",
            (FieldChange("enabled", old=True, new=False),),
            {**NIGHTLY.values(), "enabled": False},
            "app.py:1",
        )
    ]
    assert second.is_settled


@pytest.mark.parametrize(
    ("enabled", "fields"),
    [
        pytest.param(True, (FieldChange("enabled", old=False, new=True),), id="it ran"),
        pytest.param(False, (), id="it was paused"),
    ],
)
def test_returning_declaration_is_as_it_was(enabled, fields):
    """
    What is declared again runs again, unless a person had paused it before it went.
    """
    rows = {"nightly": stored(enabled=enabled), "other": stored(replace(NIGHTLY, name="other"))}
    other = replace(NIGHTLY, name="other")
    gone = apply(make_plan([other], rows, now=NOW), rows)

    back = make_plan([other, NIGHTLY], gone, now=NOW)

    [change] = back.of(Kind.REVIVE)
    assert change.fields == fields


def test_prune_deletes_what_has_gone():
    """
    With prune, rows that came from code and are no longer declared are deleted.
    """
    other = replace(NIGHTLY, name="other")
    withdrawn = replace(stored(), is_withdrawn=True)

    made = plan([other], [stored(other), withdrawn], prune=True)

    assert [change.name for change in made.of(Kind.PRUNE)] == ["nightly"]


@pytest.mark.parametrize("prune", [True, False], ids=["prune", "disable"])
def test_nothing_declared_changes_nothing(prune):
    """
    A process that did not load the task modules must not switch off every schedule.
    """
    with pytest.raises(NothingDeclaredError) as refused:
        plan([], [stored()], prune=prune)

    assert str(refused.value) == (
        "No periodic task is declared, but 1 in the database came from declarations. "
        "None was disabled or deleted: more likely the task modules were not loaded. "
        "Check that the Celery app discovers them, or disable the rows in the admin."
    )


def test_nothing_declared_and_nothing_stored_is_fine():
    """
    A project that declares nothing has nothing to do.
    """
    assert plan([], []).is_settled


def test_hand_made_row_of_the_same_name_is_a_conflict():
    """
    A row that a person made is left alone and reported.
    """
    row = Stored("nightly", {**NIGHTLY.values(), "queue": "mine"}, {})

    made = plan([NIGHTLY], [row])

    assert made.changes == ()
    assert made.conflicts == (Conflict("nightly", "app.py:1"),)
    assert made.problems == (
        "'nightly', declared in app.py:1, has the name of a row that was not made from code."
        " It is left alone; --adopt takes it over.",
    )


def test_adopted_row_gets_the_word_of_the_code_but_keeps_its_pause():
    """
    With adopt, every field follows the code except that a paused row stays paused.
    """
    row = Stored("nightly", {**NIGHTLY.values(), "queue": "mine", "enabled": False}, {})

    made = plan([NIGHTLY], [row], adopt=True)

    [change] = made.changes
    assert change.kind is Kind.ADOPT
    assert change.fields == (FieldChange("queue", "mine", None),)
    assert made.drift == (Drift("nightly", "enabled", stored=False, declared=True),)


def test_unreadable_trigger_is_repaired():
    """
    A trigger that cannot be read is nobody's word: the code's is written again.
    """
    row = stored(trigger={"unreadable": "no schedule set"})

    made = plan([NIGHTLY], [row])

    assert [each.field for each in made.changes[0].fields] == ["trigger"]
    assert made.drift == ()


def test_one_off_that_has_fired_is_not_drift():
    """
    A single time that has passed is disabled by the scheduler, not by a person.
    """
    once = replace(NIGHTLY, trigger=At(NOW), one_off=True)

    made = plan([once], [stored(once, enabled=False, is_over=True)])

    assert made.is_empty
    assert not made.differs
    assert made.ended == ()


def test_disabled_schedule_whose_end_has_gone_is_not_drift():
    """
    Whoever disabled it: where nothing would fire any more, there is nothing to decide.
    """
    row = stored(enabled=False, is_past=True)

    made = plan([NIGHTLY], [row])

    assert made.is_empty
    assert not made.differs
    assert plan([NIGHTLY], [row], force=True).is_empty
    assert find_drift(row) == ()


@pytest.mark.parametrize("is_over", [True, False], ids=["ran to its end", "paused before"])
def test_schedule_whose_end_is_put_off(is_over):
    """
    A later end in code enables what ran to its end, and leaves a person's pause in place.
    """
    summer = replace(NIGHTLY, end_time=NOW)
    longer = replace(NIGHTLY, end_time=NOW.replace(year=2027))

    made = plan([longer], [stored(summer, enabled=False, is_past=True, is_over=is_over)])

    assert [each.field for each in made.changes[0].fields] == (
        ["end_time", "enabled"] if is_over else ["end_time"]
    )
    assert [each.field for each in made.drift] == ([] if is_over else ["enabled"])


def test_single_time_that_never_fired_is_told():
    """
    A single time that lies in the past before it was ever stored is probably a mistake.
    """
    once = replace(NIGHTLY, trigger=At(NOW), one_off=True)

    assert plan([once], []).ended == ("nightly",)


def test_one_off_with_a_new_time_is_enabled_again():
    """
    A fired single time that gets another time in code fires once more.
    """
    once = replace(NIGHTLY, trigger=At(NOW), one_off=True)
    later = replace(once, trigger=At(NOW.replace(year=2027)))

    made = plan([later], [stored(once, enabled=False, is_over=True)])

    assert [each.field for each in made.changes[0].fields] == ["trigger", "enabled"]


options = st.fixed_dictionaries(
    {},
    optional={
        "trigger": st.sampled_from([Every(hours=1), Every(hours=2)]),
        "queue": st.sampled_from([None, "a", "b"]),
        "enabled": st.booleans(),
        "priority": st.sampled_from([None, 1, 2]),
    },
)
codes = st.dictionaries(st.sampled_from("abcd"), options, min_size=1)
edits = st.dictionaries(
    st.sampled_from("abcd"),
    st.fixed_dictionaries(
        {}, optional={"queue": st.sampled_from(["a", "x"]), "enabled": st.booleans()}
    ),
)


@given(
    steps=st.lists(st.tuples(codes, edits), min_size=1, max_size=5),
    prune=st.booleans(),
    force=st.booleans(),
)
def test_whatever_was_applied_leaves_nothing_to_do(steps, prune, force):
    """
    However code and operators changed things before, a plan once applied is settled.
    """
    rows: dict[str, Stored] = {}
    for code, edited in steps:
        for name, values in edited.items():
            if name in rows:
                rows[name] = replace(rows[name], values={**rows[name].values, **values})
        declared = [replace(NIGHTLY, name=name, **values) for name, values in code.items()]
        rows = apply(make_plan(declared, rows, now=NOW, prune=prune, force=force), rows)

        again = make_plan(declared, rows, now=NOW, prune=prune, force=force)

        assert again.is_settled
        assert not force or not again.differs


def test_kept_edit_is_no_difference_until_the_code_changes():
    """
    What a person said to keep stays quietly; a newer word of the code is told, not taken.
    """
    mine = stored(queue="mine")
    kept = replace(mine, kept={"queue": NIGHTLY.queue})

    quiet = plan([NIGHTLY], [kept])
    newer = plan([replace(NIGHTLY, queue="newer")], [kept])

    assert not quiet.differs
    assert quiet.drift == (Drift("nightly", "queue", "mine", NIGHTLY.queue, is_kept=True),)
    assert quiet.is_settled
    assert newer.open_drift == (Drift("nightly", "queue", "mine", "newer"),)
    assert newer.is_empty


def test_kept_edit_is_forgotten_once_both_say_the_same():
    """
    When a person goes back to the code's value, the next edit is drift again.
    """
    row = replace(stored(), kept={"queue": NIGHTLY.queue})

    [change] = plan([NIGHTLY], [row]).changes

    assert (change.kept, change.is_noted) == ({}, True)
