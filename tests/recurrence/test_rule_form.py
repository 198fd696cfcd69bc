from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django import forms
from django.forms import formset_factory, modelform_factory
from django.test import Client
from django.urls import reverse

from recurring_jobs.recurrence.forms import RecurrenceRuleFormField, RecurrenceRuleWidget
from recurring_jobs.recurrence.preview import RulePreviewView
from tests.host.models import Event, Holiday, Todo

PAYLOAD = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
EventForm = modelform_factory(
    Event, fields=["title", "starts_at", "recurrence_rule", "recurrence_timezone"]
)
TYPED = {
    "title": "Invoices",
    "starts_at": "2026-03-02 14:00:00",
    "recurrence_rule": "freq=monthly;byday=-1fr",
    "recurrence_timezone": "America/New_York",
}


def box_of(form: forms.BaseForm, name: str = "recurrence_rule") -> str:
    """Return what stands below the text area."""
    return str(form[name]).partition("</textarea>")[2]


def test_empty_form_says_what_will_appear():
    """
    Before anything is typed, the place of the preview says what it is for.
    """
    assert "Does not recur." in box_of(EventForm())


def test_sent_form_shows_words_and_times():
    """
    What comes back from a form that was sent has its words and ten times, without a script.
    """
    box = box_of(EventForm(TYPED))

    assert "Every month on the last Friday" in box
    assert '<th scope="col">America/New_York</th>' in box
    assert box.count("</span> 09:00</time>") == 10


def test_wrong_rule_is_refused_once():
    """
    The sentence stands where the form has its errors, and not a second time below.
    """
    form = EventForm({**TYPED, "recurrence_rule": "FREQ=SOMETIMES"})

    page = form.as_div()

    assert page.count("is not a frequency") == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("starts_at", "yesterday"), ("starts_at", ""), ("recurrence_timezone", "Mars/Phobos")],
)
def test_wrong_neighbours_break_nothing(field, value):
    """
    Where the start or the zone cannot be read, the page is shown all the same.
    """
    form = EventForm({**TYPED, field: value})

    page = form.as_div()

    assert not form.is_valid()
    assert "recurring-jobs-preview" in page
    assert "<time" not in page


@pytest.mark.django_db
def test_stored_row_is_shown_with_what_the_form_leaves_out():
    """
    A form without start and zone takes them from the row it edits.
    """
    event = Event.objects.create(
        title="Invoices",
        starts_at=datetime(2026, 3, 2, 14, tzinfo=UTC),
        recurrence_rule="FREQ=MONTHLY;BYDAY=-1FR",
        recurrence_timezone="America/New_York",
    )
    form_class = modelform_factory(Event, fields=["recurrence_rule"])

    assert box_of(form_class(instance=event)).count("</span> 09:00</time>") == 10


def test_days_are_shown_as_days():
    """
    A start that is a date gives dates.
    """
    form_class = modelform_factory(Holiday, fields=["first_on", "recurrence_rule"])

    box = box_of(form_class({"first_on": "2026-01-01", "recurrence_rule": "FREQ=YEARLY"}))

    assert box.count("-01-01</bdi></span></time>") == 10
    assert '_kind=date"' in box


def test_two_inputs_for_one_start():
    """
    A start that is typed as a date and a time is one start.
    """

    class SplitForm(forms.Form):
        rule = RecurrenceRuleFormField(start="begin")
        begin = forms.SplitDateTimeField()

    form = SplitForm({"rule": "FREQ=DAILY", "begin_0": "2026-03-02", "begin_1": "09:30"})

    assert box_of(form, "rule").count("</span> 09:30</time>") == 10


def test_field_alone_shows_the_words():
    """
    A form of the host's own that has nothing but a rule shows what it says.
    """

    class RuleForm(forms.Form):
        rule = RecurrenceRuleFormField()

    form = RuleForm({"rule": "FREQ=DAILY"})

    box = box_of(form, "rule")
    assert "Every day" in box
    assert "<time" not in box
    assert form.cleaned_data == {"rule": "FREQ=DAILY"}


def test_each_form_of_a_set_has_its_own():
    """
    Forms with prefixes do not read each other's inputs.
    """
    forms_of = formset_factory(EventForm, extra=0)
    typed = {"form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "0"}
    typed |= {f"form-0-{name}": value for name, value in TYPED.items()}
    typed |= {f"form-1-{name}": value for name, value in TYPED.items()}
    typed["form-1-recurrence_timezone"] = "Asia/Tokyo"

    first, second = forms_of(typed).forms

    assert '<th scope="col">America/New_York</th>' in box_of(first)
    assert '<th scope="col">Asia/Tokyo</th>' in box_of(second)
    names = "form-1-recurrence_rule form-1-recurrence_timezone form-1-starts_at"
    assert f'data-fields="{names}"' in box_of(second)


def test_what_is_typed_is_escaped():
    """
    Markup in a rule, a zone or a start is text.
    """
    typed = {**TYPED, "recurrence_rule": PAYLOAD, "recurrence_timezone": PAYLOAD}

    page = EventForm({**typed, "starts_at": PAYLOAD}).as_div()

    assert "<img src=x" not in page
    assert "<script>" not in page


def test_field_brings_its_files():
    """
    The form's media are one style sheet and one module, and no inline script.
    """
    media = str(EventForm().media)

    assert "recurring_jobs/rule.css" in media
    assert 'src="/static/recurring_jobs/preview.js" type="module"' in media
    assert "on" + "click" not in EventForm().as_div()


@pytest.mark.urls("tests.recurrence.test_rule_form")
def test_without_an_address_there_is_no_live_preview():
    """
    A host that gives the preview no address has the words after sending, and no request.
    """
    assert 'data-url=""' in box_of(EventForm(TYPED))


def test_other_form_classes_are_left_alone():
    """
    A host may give the field a form field or a widget of its own.
    """
    column = Todo._meta.get_field("recurrence_rule")

    plain = column.formfield(form_class=forms.CharField)
    area = column.formfield(widget=forms.Textarea)

    assert type(plain) is forms.CharField
    assert type(area.widget) is forms.Textarea
    assert isinstance(column.formfield().widget, RecurrenceRuleWidget)


urlpatterns: list[object] = []

# The live preview

ASKED = {
    "_rule": "r",
    "_zone": "z",
    "_start": "s",
    "_kind": "datetime",
    "r": "FREQ=MONTHLY;BYDAY=-1FR",
    "z": "America/New_York",
    "s": "2026-03-02 14:00",
}


@pytest.fixture
def browser(django_user_model) -> Client:
    """Somebody who is logged in, without any permission."""
    client = Client()
    client.force_login(django_user_model.objects.create_user("ann"))
    return client


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param({}, "Every month on the last Friday", id="rule"),
        pytest.param({"r": ""}, "Does not recur.", id="nothing"),
        pytest.param({"s": ""}, "when the start is known", id="no-start"),
        pytest.param(
            {"s_0": "2026-03-02", "s_1": "14:00", "s": ""}, "09:00</time>", id="two-inputs"
        ),
        pytest.param({"_kind": "date", "s": "2026-03-02"}, "<time", id="date"),
        pytest.param({"r": "FREQ=SOMETIMES"}, "SOMETIMES", id="wrong-rule"),
        pytest.param({"r": "FREQ=MINUTELY"}, "finest", id="too-fine"),
        pytest.param({"z": "Mars/Phobos"}, "Mars/Phobos", id="wrong-zone"),
        pytest.param({"s": "yesterday"}, "Enter a valid date/time.", id="wrong-start"),
        pytest.param(
            {"r": "FREQ=HOURLY", "_kind": "date", "s": "2026-03-02"}, "HOURLY", id="clash"
        ),
        pytest.param({"r": PAYLOAD}, "&lt;IMG", id="markup"),
        pytest.param({"r": "x" * 7000}, "errorlist", id="long"),
        pytest.param({"s": "x" * 7000}, "errorlist", id="long-start"),
        pytest.param({"_rule": ""}, "Does not recur.", id="no-names"),
    ],
)
def test_preview_answers_with_words_or_with_the_fault(browser, asked, expected):
    """
    Whatever is typed is answered with a piece of a page, escaped.
    """
    answer = browser.get(reverse("recurrence-rule-preview"), {**ASKED, **asked})

    html = answer.content.decode()
    assert answer.status_code == 200
    assert expected in html
    assert "<img src=x" not in html.lower()
    assert "<html" not in html


@pytest.mark.django_db
def test_preview_is_for_people_who_are_logged_in(browser):
    """
    Strangers are refused, and nothing but a question is answered.
    """
    address = reverse("recurrence-rule-preview")

    assert Client().get(address, ASKED).status_code == 403
    assert browser.get(address, ASKED).status_code == 200
    assert browser.post(address, ASKED).status_code == 405


def test_host_decides_who_may_ask(rf):
    """
    has_access() is the host's word, also where nobody can log in.
    """

    class Open(RulePreviewView):
        def has_access(self) -> bool:
            return True

    assert Open.as_view()(rf.get("/", ASKED)).status_code == 200
