from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import models
from django.test.utils import isolate_apps

from recurring_jobs.recurrence.models import (
    OccurrenceModelMixin,
    RecurrenceRuleMixin,
    RecurringModelMixin,
    RecurringTemplateMixin,
)
from tests.host.models import (
    Course,
    Event,
    Holiday,
    Invoice,
    Lesson,
    Shift,
    Subscription,
    Tag,
    Todo,
)


def recurring(
    inner: dict[str, Any] | None, mixin: type[models.Model] = RecurringModelMixin, **attributes: Any
) -> Any:
    """A model with a title and a start, and the given inner class."""
    body: dict[str, Any] = {
        "__module__": "tests.host.models",
        "title": models.CharField(max_length=20),
        "due_at": models.DateTimeField(),
        **attributes,
    }
    if inner is not None:
        body["Recurrence"] = type("Recurrence", (), inner)
    return type("Chore", (mixin,), body)


def templates(**inner: Any) -> Any:
    """A model of templates, whose occurrences have another table."""
    return recurring({"start": "due_at", **inner}, RecurringTemplateMixin)


def occurrences(
    template: Any, name: str = "Visit", parent: Any = None, **attributes: Any
) -> type[models.Model]:
    """A model of occurrences, by default with a sound foreign key to *template*."""
    key = parent or models.ForeignKey(template, models.CASCADE, related_name=f"{name}_rows")
    body: dict[str, Any] = {
        "__module__": "tests.host.models",
        "recurrence_parent": key,
        "title": models.CharField(max_length=20),
        "due_at": models.DateTimeField(),
        **attributes,
    }
    return type(name, (OccurrenceModelMixin,), {k: v for k, v in body.items() if v is not None})


def said(model: Any) -> list[tuple[str, str]]:
    """The numbers and sentences of what is wrong with *model*; each must have a hint."""
    found = [message for message in model.check() if message.id.startswith("recurring_jobs")]
    assert all(message.hint for message in found)
    return [(message.id.removeprefix("recurring_jobs."), message.msg) for message in found]


@pytest.mark.parametrize(
    "model", [Todo, Shift, Holiday, Course, Lesson, Subscription, Invoice, Event]
)
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


@isolate_apps("tests.host")
def test_two_tables_of_the_same_names_need_no_more_words():
    """With the same names in both, the start is all that has to be said."""
    template = templates()

    assert said(occurrences(template)) == []
    assert said(template) == []


@isolate_apps("tests.host")
def test_templates_need_a_model_for_their_occurrences():
    """A model of templates without occurrences would make nothing."""
    assert said(templates()) == [("E108", "host.Chore has no model for its occurrences.")]


@isolate_apps("tests.host")
def test_templates_need_one_model_for_their_occurrences():
    """Two models of occurrences leave open which is meant."""
    template = templates()
    occurrences(template, "Visit")
    occurrences(template, "Call")

    assert said(template) == [
        (
            "E108",
            "host.Chore has more than one model for its occurrences: host.Call and host.Visit.",
        )
    ]


@isolate_apps("tests.host")
def test_occurrences_without_a_parent_are_an_error():
    """The host has to say what the rows are made from."""
    model = type("Visit", (OccurrenceModelMixin,), {"__module__": "tests.host.models"})

    assert said(model) == [
        (
            "E107",
            "host.Visit has no 'recurrence_parent': it does not say what its rows are made from.",
        )
    ]


@pytest.mark.parametrize(
    ("parent", "sentence"),
    [
        (
            lambda: models.ForeignKey(Tag, models.CASCADE, related_name="+"),
            "host.Visit has a 'recurrence_parent' that points to host.Tag, whose rows are no "
            "templates.",
        ),
        (
            lambda: models.ForeignKey(Todo, models.CASCADE, related_name="+"),
            "host.Visit has a 'recurrence_parent' that points to host.Todo, which keeps its "
            "occurrences in its own table.",
        ),
        (
            lambda: models.OneToOneField(Course, models.CASCADE, related_name="+"),
            "host.Visit has a OneToOneField as 'recurrence_parent'.",
        ),
        (
            models.IntegerField,
            "host.Visit has a IntegerField as 'recurrence_parent'.",
        ),
    ],
    ids=["no template", "one table", "one to one", "number"],
)
@isolate_apps("tests.host")
def test_parent_that_leads_to_no_template_is_an_error(parent, sentence):
    """The foreign key must lead to a model of templates that keeps occurrences elsewhere."""
    assert said(occurrences(None, parent=parent())) == [("E107", sentence)]


@isolate_apps("tests.host")
def test_lost_constraint_of_occurrences_is_an_error():
    """A Meta that does not inherit ours loses the constraint there, too."""
    meta = type("Meta", (), {"ordering": ["due_at"]})

    found = said(occurrences(templates(), Meta=meta))

    assert [number for number, _ in found] == ["E103"]


@pytest.mark.parametrize(
    ("inner", "there", "number", "sentence"),
    [
        (
            {"copied": ("title",)},
            {"title": None, "titel": models.CharField(max_length=20)},
            "E109",
            "host.Chore gives 'title' to its occurrences, and host.Visit has no field 'title'. "
            "Did you mean 'titel'?",
        ),
        (
            {"occurrence_fields": {"due_at": "begins_at"}},
            {},
            "E109",
            "host.Chore gives 'due_at' to its occurrences, and host.Visit has no field "
            "'begins_at'.",
        ),
        (
            {},
            {"due_at": models.DateField()},
            "E109",
            "host.Chore gives 'due_at', a DateTimeField, to host.Visit.due_at, which is a "
            "DateField.",
        ),
        (
            {"occurrence_fields": {"begins_at": "due_at"}},
            {},
            "E102",
            "host.Chore names 'begins_at' in Recurrence.occurrence_fields, which is not a field "
            "of it.",
        ),
    ],
    ids=["missing there", "mapped to nothing", "another kind", "mapped from nothing"],
)
@isolate_apps("tests.host")
def test_fields_must_fit_those_of_the_occurrences(inner, there, number, sentence):
    """Each field that is carried over has a place to go, of its own kind."""
    template = templates(**inner)
    occurrences(template, **there)

    assert said(template) == [(number, sentence)]


@isolate_apps("tests.host")
def test_options_belong_to_the_model_they_concern():
    """A class Recurrence belongs to the templates."""
    visit = occurrences(templates(), Recurrence=type("Recurrence", (), {"ahead": 3}))

    assert said(visit) == [
        (
            "E105",
            "host.Visit has a class Recurrence, which belongs to the model of the templates.",
        )
    ]


@isolate_apps("tests.host")
def test_rule_alone_has_no_options_of_rows():
    """A model that only has a rule keeps nothing ahead."""
    event = recurring({"start": "due_at", "ahead": 3}, RecurrenceRuleMixin)

    assert said(event) == [("E105", "host.Chore has an unknown option Recurrence.ahead.")]
