"""The German catalogue: complete, compiled, and what people then read in the admin."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime
from gettext import GNUTranslations
from pathlib import Path

import pytest
from django.utils.translation import override
from django.utils.translation.template import templatize

import recurring_jobs
from tests.admin.rows import make_schedule
from tests.host.models import Todo

PACKAGE = Path(recurring_jobs.__file__).parent
CATALOGUE = PACKAGE / "locale" / "de" / "LC_MESSAGES" / "django.po"
MARKS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
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
    return found


def marked_in_templates() -> set[str]:
    found = set()
    for path in PACKAGE.rglob("*.html"):
        texts = re.findall(r"gettext\(u('.*?'|\".*?\")[,)]", templatize(path.read_text()))
        found |= {ast.literal_eval(text) for text in texts}
    return found


def source_entries() -> dict[str | tuple[str, int], str]:
    """
    Return the catalogue's text file in the shape of a compiled one.
    """
    found: dict[str | tuple[str, int], str] = {}
    for entry in re.split(r"\n\n+", CATALOGUE.read_text()):
        fields = {
            name: "".join(ast.literal_eval(line) for line in lines.splitlines())
            for name, lines in re.findall(r"^(msg\S+) ((?:\".*\"\n?)+)", entry, re.MULTILINE)
        }
        for name, text in fields.items():
            if name == "msgstr":
                found[fields["msgid"]] = text
            elif name.startswith("msgstr["):
                found[fields["msgid"], int(name[7])] = text
    return found


@pytest.fixture
def compiled():
    """What the program reads at run time: each English text with its German."""
    with CATALOGUE.with_suffix(".mo").open("rb") as file:
        return dict(GNUTranslations(file)._catalog)


def test_every_text_has_its_german(compiled):
    """No text of the package that is marked for translation is without a German one."""
    translated = {key if isinstance(key, str) else key[0] for key, text in compiled.items() if text}

    assert marked_in_code() | marked_in_templates() <= translated


def test_marks_are_found():
    """The search above sees code, plurals and templates."""
    assert {"every year", "recurrence rule", "%(count)d schedule was fired."} < marked_in_code()
    assert {"Nominal time", "Attempt %(number)s", "No, take me back"} < marked_in_templates()


def test_places_to_fill_are_kept(compiled):
    """A translation asks for no value that the English does not, and for none less."""
    texts = {key: text for key, text in compiled.items() if isinstance(key, str)}

    assert {key: sorted(PLACE.findall(text)) for key, text in texts.items()} == {
        key: sorted(PLACE.findall(key)) for key in texts
    }


def test_compiled_catalogue_is_the_one_in_text(compiled):
    """Whoever edits django.po compiles it: both files hold the same."""
    source = source_entries()
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
