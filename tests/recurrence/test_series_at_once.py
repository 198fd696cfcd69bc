"""A series is edited while a generator is at it: neither undoes nor repeats the other's work."""

from __future__ import annotations

from select import select

import pytest

EDITS = ("skip", "reschedule", "split", "change_rule", "end")


@pytest.fixture
def two(request, fresh_database, start_actors):
    """Two processes on a new database of the server that the test asks for."""

    def start(url: str):
        return start_actors(fresh_database(url), 2)

    return start


def is_silent(actor) -> bool:
    """Return whether an actor that was told something has not answered yet."""
    return not select([actor.process.stdout], [], [], 0.5)[0]


def prepare(actor) -> None:
    """Leave one template with its rows, all of which are to be renamed."""
    actor.ask("seed", 1)
    actor.ask("generate")
    actor.ask("rename")


def one_after_the_other(actor, kind: str) -> list[list[str]]:
    """Return the rows after a pass, an edit and a pass."""
    prepare(actor)
    actor.ask("generate")
    actor.ask("edit_series", kind)
    actor.ask("generate")
    rows: list[list[str]] = actor.ask("rows_of_series")
    return rows


def check_pass_inside(generator, editor) -> None:
    for kind in EDITS:
        expected = one_after_the_other(generator, kind)
        prepare(generator)

        generator.ask("hold_pass")
        editor.tell("edit_series", kind)
        waited = is_silent(editor)
        generator.ask("release")
        editor.answer()
        generator.ask("generate")

        assert waited, kind
        assert generator.ask("rows_of_series") == expected, kind


def check_edit_inside(generator, editor) -> None:
    for kind in EDITS:
        expected = one_after_the_other(generator, kind)
        prepare(generator)
        generator.ask("generate")
        generator.ask("rename")

        editor.ask("hold_series_edit", kind)
        meanwhile = generator.ask("generate")["templates"]
        editor.ask("release")
        generator.ask("generate")

        assert meanwhile == 0, kind
        assert generator.ask("rows_of_series") == expected, kind


@pytest.mark.postgres
def test_edit_waits_for_a_pass(postgres_url, two):
    """An edit begun while a pass has the template waits, and then edits what the pass left."""
    check_pass_inside(*two(postgres_url))


@pytest.mark.mariadb
def test_edit_waits_for_a_pass_on_mariadb(mariadb_url, two):
    """The same on MariaDB."""
    check_pass_inside(*two(mariadb_url))


@pytest.mark.postgres
def test_pass_leaves_out_what_is_being_edited(postgres_url, two):
    """A pass passes over a template that is being edited; the next one finds it in line."""
    check_edit_inside(*two(postgres_url))


@pytest.mark.mariadb
def test_pass_leaves_out_what_is_being_edited_on_mariadb(mariadb_url, two):
    """The same on MariaDB."""
    check_edit_inside(*two(mariadb_url))
