from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.forms import modelform_factory

from recurring_jobs.exceptions import InvalidRuleError
from recurring_jobs.recurrence.forms import RecurrenceRuleFormField
from recurring_jobs.rules import Rule
from tests.host.models import Todo

pytestmark = pytest.mark.django_db


def test_cleaning_stores_the_normal_form():
    """A rule is kept as the engine prints it, whatever the case it was typed in."""
    todo = Todo(title="Report", recurrence_rule="rrule:freq=weekly;byday=mo")

    todo.full_clean()

    assert todo.recurrence_rule == "FREQ=WEEKLY;BYDAY=MO"


def test_cleaning_refuses_what_is_no_rule():
    """The sentence a person reads is the one of the InvalidRuleError."""
    with pytest.raises(InvalidRuleError) as refused:
        Rule.parse("every now and then")

    with pytest.raises(ValidationError) as error:
        Todo(title="Report", recurrence_rule="every now and then").full_clean()

    assert error.value.message_dict == {"recurrence_rule": [str(refused.value)]}


def test_finest_frequency_is_a_setting(settings):
    """A rule by the minute is refused until FINEST_FREQUENCY allows it."""
    todo = Todo(title="Blink", recurrence_rule="FREQ=MINUTELY")
    with pytest.raises(ValidationError) as error:
        todo.full_clean()
    assert list(error.value.message_dict) == ["recurrence_rule"]

    settings.RECURRING_JOBS = {"FINEST_FREQUENCY": "MINUTELY"}

    todo.full_clean()


def test_model_form_cleans_the_rule():
    """A form gives the normal form, and None for an empty rule."""
    form_class = modelform_factory(Todo, fields=["title", "recurrence_rule"])

    filled = form_class({"title": "Report", "recurrence_rule": "freq=daily"})
    empty = form_class({"title": "Report", "recurrence_rule": ""})

    assert isinstance(filled.fields["recurrence_rule"], RecurrenceRuleFormField)
    assert filled.is_valid()
    assert filled.cleaned_data["recurrence_rule"] == "FREQ=DAILY"
    assert empty.is_valid()
    assert empty.cleaned_data["recurrence_rule"] is None


def test_form_field_refuses_a_bad_rule():
    """A form shows the sentence at the field, once."""
    form = modelform_factory(Todo, fields=["title", "recurrence_rule"])(
        {"title": "Report", "recurrence_rule": "FREQ=DAILY;INTERVAL=0"}
    )
    with pytest.raises(InvalidRuleError) as refused:
        Rule.parse("FREQ=DAILY;INTERVAL=0")

    assert form.errors == {"recurrence_rule": [str(refused.value)]}


@pytest.mark.parametrize("empty", ["", None], ids=["empty text", "none"])
def test_empty_rule_is_stored_as_null(empty):
    """A row without a rule is no template, however the rule was left out."""
    todo = Todo.objects.create(title="Once", recurrence_rule=empty)

    todo.refresh_from_db()

    assert todo.recurrence_rule is None
    assert not Todo.objects.templates().exists()


def test_rule_object_may_be_assigned():
    """A parsed rule is stored as its text."""
    todo = Todo.objects.create(title="Report", recurrence_rule=Rule.parse("FREQ=DAILY"))

    todo.refresh_from_db()

    assert todo.recurrence_rule == "FREQ=DAILY"


def test_unknown_zone_is_refused_with_the_nearest_name():
    """A mistyped time zone is named, and a known one offered."""
    todo = Todo(title="Report", recurrence_timezone="Europe/Pariss")

    with pytest.raises(ValidationError) as error:
        todo.full_clean()

    assert error.value.message_dict == {
        "recurrence_timezone": [
            "Time zone 'Europe/Pariss' is not known. Did you mean 'Europe/Paris'? "
            "Use an IANA name such as 'Europe/Paris'."
        ]
    }


@pytest.mark.parametrize("name", ["America", "/etc/passwd", "../UTC"])
def test_what_is_a_path_is_no_zone(name):
    """Folders and paths of the time zone database are refused like unknown names."""
    with pytest.raises(ValidationError) as error:
        Todo(title="Report", recurrence_timezone=name).full_clean()

    assert list(error.value.message_dict) == ["recurrence_timezone"]
