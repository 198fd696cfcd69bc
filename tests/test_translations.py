"""The catalogues: complete, compiled, and what people then read in the admin."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime, timedelta
from gettext import GNUTranslations
from pathlib import Path

import pytest
from django.utils import timezone
from django.utils.translation import override
from django.utils.translation.template import templatize

import recurring_jobs
from tests.admin.rows import make_schedule
from tests.host.models import Todo

PACKAGE = Path(recurring_jobs.__file__).parent
#: How many forms of a word each language has for numbers.
LANGUAGES = {"de": 2, "ar": 6}
MARKS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
#: What stands between the context of a text and the text, where it has one.
IN_CONTEXT = "\x04"
PLACE = re.compile(r"%\(\w+\)\w")


def marked_in_code() -> set[str]:
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(text)), *_]) if (
                    name in MARKS
                ):
                    found.add(text)
                case ast.Call(
                    func=ast.Name(id="pgettext_lazy"),
                    args=[ast.Constant(value=str(context)), ast.Constant(value=str(text))],
                ):
                    found.add(f"{context}{IN_CONTEXT}{text}")
    return found


def catalogue_of(language: str) -> Path:
    return PACKAGE / "locale" / language / "LC_MESSAGES" / "django.po"


def marked_in_templates() -> set[str]:
    found = set()
    for path in PACKAGE.rglob("*.html"):
        texts = re.findall(r"gettext\(u('.*?'|\".*?\")[,)]", templatize(path.read_text()))
        found |= {ast.literal_eval(text) for text in texts}
    return found


def source_entries(catalogue: Path) -> dict[str | tuple[str, int], str]:
    """
    Return the catalogue's text file in the shape of a compiled one.
    """
    found: dict[str | tuple[str, int], str] = {}
    for entry in re.split(r"\n\n+", catalogue.read_text()):
        fields = {
            name: "".join(ast.literal_eval(line) for line in lines.splitlines())
            for name, lines in re.findall(r"^(msg\S+) ((?:\".*\"\n?)+)", entry, re.MULTILINE)
        }
        key = fields.get("msgid", "")
        if "msgctxt" in fields:
            key = f"{fields['msgctxt']}{IN_CONTEXT}{key}"
        for name, text in fields.items():
            if name == "msgstr":
                found[key] = text
            elif name.startswith("msgstr["):
                found[key, int(name[7])] = text
    return found


@pytest.fixture(params=LANGUAGES)
def language(request) -> str:
    return request.param


@pytest.fixture
def compiled(language):
    """What the program reads at run time: each English text with that of the language."""
    with catalogue_of(language).with_suffix(".mo").open("rb") as file:
        return dict(GNUTranslations(file)._catalog)


def test_every_text_is_translated(compiled):
    """No text of the package that is marked for translation is without its own."""
    translated = {key if isinstance(key, str) else key[0] for key, text in compiled.items() if text}

    assert marked_in_code() | marked_in_templates() <= translated


def test_marks_are_found():
    """The search above sees code, plurals and templates."""
    assert {"every year", "recurrence rule", "%(count)d schedule was fired."} < marked_in_code()
    assert f"occurrence{IN_CONTEXT}made" in marked_in_code()
    assert {"Nominal time", "Attempt %(number)s", "No, take me back"} < marked_in_templates()


def test_places_to_fill_are_kept(compiled):
    """A translation asks for no value that the English does not, and for none less."""
    texts = {key: text for key, text in compiled.items() if isinstance(key, str)}

    assert {key: sorted(PLACE.findall(text)) for key, text in texts.items()} == {
        key: sorted(PLACE.findall(key)) for key in texts
    }


def test_numbers_have_all_forms(compiled, language):
    """Where a text is about a number, there is one for each form that the language has."""
    counted = [key for key in compiled if isinstance(key, tuple)]

    assert len(counted) == LANGUAGES[language] * len({text for text, _form in counted})
    assert all(compiled[key] for key in counted)


def test_compiled_catalogue_is_the_one_in_text(compiled, language):
    """Whoever edits django.po compiles it: both files hold the same."""
    source = source_entries(catalogue_of(language))
    del compiled[""], source[""]  # the header: msgfmt leaves the date of creation out

    assert compiled == source


@pytest.mark.django_db
def test_admin_says_triggers_in_german(admin_client):
    """In a German admin the list of schedules says when each one fires in German."""
    make_schedule()

    with override("de"):
        page = admin_client.get("/admin/recurring_jobs/schedule/").content.decode()

    assert "jeden Tag um 09:00 Uhr" in page


@pytest.mark.django_db
def test_admin_says_rules_in_german(admin_client):
    """So does the list of a host's own recurring rows."""
    Todo.objects.create(
        title="Report",
        due_at=datetime(2026, 1, 30, 17, tzinfo=UTC),
        recurrence_rule="FREQ=MONTHLY;BYDAY=-1FR",
        recurrence_timezone="UTC",
    )

    with override("de"):
        page = admin_client.get("/admin/host/todo/").content.decode()

    assert "jeden Monat am letzten Freitag" in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "جدول واحد متأخر"),
        (2, "جدولان متأخران"),
        (3, "3 جداول متأخرة"),
        (11, "11 جدولًا متأخرًا"),
    ],
)
def test_overview_counts_in_arabic(admin_client, count, words):
    """Arabic has a form of its own for one, for two, for a few and for many."""
    late = timezone.now() - timedelta(hours=1)
    for number in range(count):
        make_schedule(f"late {number}", next_fire_at=late)

    with override("ar"):
        page = admin_client.get("/admin/recurring_jobs/").content.decode()

    assert words in page
    assert 'dir="rtl"' in page
