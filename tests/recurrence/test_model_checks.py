from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import models
from django.test.utils import isolate_apps

from recurring_jobs.recurrence.models import RecurringModelMixin
from tests.host.models import Holiday, Shift, Todo


def recurring(inner: dict[str, Any] | None, **attributes: Any) -> type[RecurringModelMixin]:
    """A model with a title and a start, and the given inner class."""
    body: dict[str, Any] = {
        "__module__": "tests.host.models",
        "title": models.CharField(max_length=20),
        "due_at": models.DateTimeField(),
        **attributes,
    }
    if inner is not None:
        body["Recurrence"] = type("Recurrence", (), inner)
    return type("Chore", (RecurringModelMixin,), body)


@pytest.mark.parametrize("model", [Todo, Shift, Holiday])
def test_correct_models_pass(model):
    """A model that follows the documentation has nothing to be told."""
    assert model.check() == []


@pytest.mark.parametrize(
    ("inner", "number", "sentence"),
    [
        (
            None,
            "E101",
            "host.Chore does not say which of its fields is the start of an occurrence.",
        ),
        (
            {"start": "due_on"},
            "E102",
            "host.Chore names 'due_on' in Recurrence.start, which is not a field of it. "
            "Did you mean 'due_at'?",
        ),
        (
            {"start": "due_at", "copied": ("titel",)},
            "E102",
            "host.Chore names 'titel' in Recurrence.copied, which is not a field of it. "
            "Did you mean 'title'?",
        ),
        (
            {"start": "title"},
            "E104",
            "host.Chore names 'title' in Recurrence.start, which is a CharField.",
        ),
        (
            {"start": "due_at", "shifted": ("title",)},
            "E104",
            "host.Chore names 'title' in Recurrence.shifted, which is a CharField.",
        ),
        ({"start": "due_at", "ahead": -1}, "E105", "host.Chore has Recurrence.ahead = -1."),
        (
            {"start": "due_at", "ahead": 0},
            "E105",
            "host.Chore has Recurrence.ahead = 0 and no horizon, so no row would ever be made.",
        ),
        (
            {"start": "due_at", "horizon": 90},
            "E105",
            "host.Chore has Recurrence.horizon = 90.",
        ),
        (
            {"start": "due_at", "copies": ("title",)},
            "E105",
            "host.Chore has an unknown option Recurrence.copies. Did you mean 'copied'?",
        ),
    ],
    ids=[
        "no inner class",
        "unknown start",
        "unknown copied",
        "start is text",
        "shifted is text",
        "negative ahead",
        "no rows ever",
        "horizon is a number",
        "unknown option",
    ],
)
@isolate_apps("tests.host")
def test_wrong_declaration_is_an_error(inner, number, sentence):
    """Each mistake in the inner class has its number, its sentence and a hint."""
    found = recurring(inner).check()

    assert [(message.id, message.msg) for message in found] == [
        (f"recurring_jobs.{number}", sentence)
    ]
    assert found[0].hint


@isolate_apps("tests.host")
def test_lost_constraint_is_an_error():
    """A Meta that does not inherit ours loses the constraint, which is noticed."""
    meta = type("Meta", (), {"ordering": ["due_at"]})

    found = recurring({"start": "due_at"}, Meta=meta).check()

    assert [message.id for message in found] == ["recurring_jobs.E103"]
    assert "class Meta(RecurringModelMixin.Meta):" in found[0].hint


@isolate_apps("tests.host")
def test_multi_table_inheritance_is_an_error():
    """Rows that lie in two tables cannot be made in bulk."""

    class Thing(models.Model):  # noqa: DJ008  never printed
        name = models.CharField(max_length=20)

        class Meta:
            app_label = "host"

    class Chore(RecurringModelMixin, Thing):  # noqa: DJ008  never printed
        due_at = models.DateTimeField()

        class Meta(RecurringModelMixin.Meta):
            app_label = "host"

        class Recurrence:
            start = "due_at"
            horizon = timedelta(days=7)

    assert [message.id for message in Chore.check()] == ["recurring_jobs.E106"]


@isolate_apps("tests.host")
def test_manager_that_hides_update_is_a_warning():
    """A default manager without our queryset would let edits by update() go unnoticed."""
    found = recurring({"start": "due_at"}, objects=models.Manager()).check()

    assert [message.id for message in found] == ["recurring_jobs.W101"]


@isolate_apps("tests.host")
def test_names_fit_every_database():
    """The constraint is named after the model; the index lets Django shorten its name."""
    model = recurring({"start": "due_at"})

    assert [c.name for c in model._meta.constraints] == ["host_chore_occurrence_once"]
    assert model._meta.get_field("recurrence_due_at").db_index
