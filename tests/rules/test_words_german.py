"""Rules in German: whole sentences, and not one piece of them left in English."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.utils.translation import gettext, override

from recurring_jobs import At, Cron, Every, RRule, Solar
from recurring_jobs.periodic.triggers.sun import EVENTS
from recurring_jobs.rules import Rule, phrases, words
from tests.host.models import Todo

SENTENCES = {
    "FREQ=YEARLY": "jedes Jahr",
    "FREQ=MONTHLY": "jeden Monat",
    "FREQ=WEEKLY": "jede Woche",
    "FREQ=DAILY": "jeden Tag",
    "FREQ=HOURLY": "jede Stunde",
    "FREQ=MINUTELY": "jede Minute",
    "FREQ=SECONDLY": "jede Sekunde",
    "FREQ=YEARLY;INTERVAL=2": "alle 2 Jahre",
    "FREQ=MONTHLY;INTERVAL=3": "alle 3 Monate",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE,FR;WKST=SU": (
        "alle 2 Wochen am Montag, Mittwoch und Freitag, wobei die Woche am Sonntag beginnt"
    ),
    "FREQ=DAILY;INTERVAL=10;COUNT=5": "alle 10 Tage, 5-mal",
    "FREQ=HOURLY;INTERVAL=6;BYMINUTE=5;BYSECOND=0,15": (
        "alle 6 Stunden zur Minute 5 zu den Sekunden 0 und 15"
    ),
    "FREQ=HOURLY;BYHOUR=9,10,11,12;BYMINUTE=0,30": (
        "jede Stunde in den Stunden 9 bis 12 zu den Minuten 0 und 30"
    ),
    "FREQ=MINUTELY;INTERVAL=15;BYHOUR=9": "alle 15 Minuten in Stunde 9",
    "FREQ=MINUTELY;BYSECOND=1,2;BYSETPOS=-2,-1": (
        "jede Minute zu den Sekunden 1 und 2, nur zum 2.-letzten und letzten Termin jeder Minute"
    ),
    "FREQ=SECONDLY;INTERVAL=30;BYSECOND=30": "alle 30 Sekunden zur Sekunde 30",
    "FREQ=SECONDLY;BYYEARDAY=100;BYSETPOS=1": (
        "jede Sekunde am 100. Tag des Jahres, nur zum ersten Termin jeder Sekunde"
    ),
    "FREQ=DAILY;BYHOUR=9,17;BYMINUTE=0;BYSETPOS=-1": (
        "jeden Tag um 09:00 und 17:00 Uhr, nur zum letzten Termin jedes Tages"
    ),
    "FREQ=HOURLY;BYMINUTE=0,20;BYSETPOS=2": (
        "jede Stunde zu den Minuten 0 und 20, nur zum 2. Termin jeder Stunde"
    ),
    "FREQ=WEEKLY;BYDAY=TU,TH;BYSETPOS=1": (
        "jede Woche am Dienstag und Donnerstag, nur zum ersten Termin jeder Woche"
    ),
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1": (
        "jeden Monat am Montag bis Freitag, nur zum letzten Termin jedes Monats"
    ),
    "FREQ=YEARLY;BYMONTH=1,2;BYSETPOS=1,3": (
        "jedes Jahr im Januar und Februar, nur zum ersten und 3. Termin jedes Jahres"
    ),
    "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17;BYMINUTE=0;UNTIL=20271231": (
        "jeden Monat am letzten Freitag um 17:00 Uhr, bis einschließlich 31. Dezember 2027"
    ),
    "FREQ=MONTHLY;BYDAY=MO,-1FR": "jeden Monat am Montag und letzten Freitag",
    "FREQ=MONTHLY;BYMONTHDAY=1,15": "jeden Monat am 1. und 15.",
    "FREQ=MONTHLY;BYMONTHDAY=2,3,-1": "jeden Monat am 2., 3. und letzten Tag des Monats",
    "FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR": "jeden Monat am 13. (nur am Freitag)",
    "FREQ=MONTHLY;BYMONTHDAY=1;BYDAY=MO,FR": "jeden Monat am 1. (nur am Montag oder Freitag)",
    "FREQ=MONTHLY;BYMONTHDAY=31;RSCALE=GREGORIAN;SKIP=BACKWARD": (
        "jeden Monat am 31., am Tag davor, wo es das Datum nicht gibt"
    ),
    "FREQ=MONTHLY;BYMONTHDAY=31;RSCALE=GREGORIAN;SKIP=FORWARD": (
        "jeden Monat am 31., am Tag danach, wo es das Datum nicht gibt"
    ),
    "FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU;COUNT=1": (
        "jedes Jahr im März und Oktober am letzten Sonntag des Monats, einmal"
    ),
    "FREQ=YEARLY;BYDAY=20MO": "jedes Jahr am 20. Montag des Jahres",
    "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO": "jedes Jahr in Kalenderwoche 20 am Montag",
    "FREQ=YEARLY;BYWEEKNO=1,20;BYDAY=SA": "jedes Jahr in den Kalenderwochen 1 und 20 am Samstag",
    "FREQ=YEARLY;BYWEEKNO=-1": "jedes Jahr in der letzten Kalenderwoche des Jahres",
    "FREQ=DAILY;UNTIL=20271231T170005Z": (
        "jeden Tag, bis einschließlich 31. Dezember 2027 um 17:00:05 Uhr (UTC)"
    ),
    "RRULE:FREQ=DAILY\nRDATE;TZID=Asia/Tokyo:20260101T090000\nEXDATE:20260301,20260401": (
        "jeden Tag, außerdem am 1. Januar 2026 um 09:00 Uhr (Asia/Tokyo), "
        "außer am 1. März 2026 und 1. April 2026"
    ),
}

TRIGGERS = {
    Cron("0 9 * * mon-fri", timezone="Europe/Berlin"): (
        "jede Woche am Montag bis Freitag um 09:00 Uhr (Europe/Berlin)"
    ),
    Cron("*/30 8-10 1 1,7 *", timezone="UTC"): (
        "jedes Jahr im Januar und Juli am 1. "
        "um 08:00, 08:30, 09:00, 09:30, 10:00 und 10:30 Uhr (UTC)"
    ),
    Every(minutes=15): "alle 15 Minuten",
    Every(days=1): "jeden Tag",
    Every(seconds=1.5): "alle 1500000 Mikrosekunden",
    Every(hours=2, anchor=datetime(2026, 1, 1, 8, tzinfo=UTC)): (
        "alle 2 Stunden, gezählt ab 2026-01-01 08:00:00 UTC"
    ),
    RRule("FREQ=WEEKLY;BYDAY=SU", start="2026-01-04T10:00", timezone="Europe/Vienna"): (
        "jede Woche am Sonntag (Europe/Vienna)"
    ),
    At(datetime(2026, 1, 1, 8, tzinfo=UTC)): "einmal, am 2026-01-01 08:00:00 UTC",
    Solar("sunset", 52.52, 13.4): "Sonnenuntergang bei 52.52, 13.4",
}

# Where the German reads as the English does.
ALIKE = {"April", "August", "September", "November", "%(time)s (%(zone)s)"}


def pieces() -> set[str]:
    """
    Return every text that words.py and phrases.py hand to gettext.
    """
    found = set()
    for module in (words, phrases):
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text())):
            match node:
                case ast.Call(func=ast.Name(id="_"), args=[ast.Constant(value=str(text))]):
                    found.add(text)
    return found


@pytest.fixture
def german():
    """German is the active language."""
    with override("de"):
        yield


@pytest.mark.parametrize(("text", "sentence"), SENTENCES.items(), ids=SENTENCES)
def test_sentence(text, sentence, german):
    """The German says what the rule says, in a German way."""
    assert Rule.parse(text).describe(gettext) == sentence


@pytest.mark.parametrize(("trigger", "sentence"), TRIGGERS.items(), ids=TRIGGERS.values())
def test_trigger(trigger, sentence, german):
    """Triggers speak German as well."""
    assert trigger.describe(gettext) == sentence


@pytest.mark.parametrize("event", EVENTS)
def test_sun(event, german):
    """Each event of the sun has a German name."""
    english = event.replace("_", " ")

    assert Solar(event, 1, 2).describe(gettext) == f"{gettext(english)} bei 1, 2"
    assert gettext(english) != english


@pytest.mark.parametrize("piece", sorted(pieces()))
def test_piece(piece, german):
    """Each piece of the words has its German, with the same places to fill."""
    translated = gettext(piece)

    assert (translated != piece) == (piece not in ALIKE | {"%(place)s %(weekday)s"})
    assert sorted(re.findall(r"%\(\w+\)\w", translated)) == sorted(re.findall(r"%\(\w+\)\w", piece))


def test_pieces_are_found():
    """The pieces above are really those of the sentences."""
    assert {"every year", "%(items)s and %(last)s", "except on %(dates)s"} < pieces()
    assert len(pieces()) > 75


def test_row_describes_itself(german):
    """A row with a rule says it in the active language, and again in English afterwards."""
    todo = Todo(
        title="Report",
        due_at=datetime(2026, 1, 30, 17, tzinfo=UTC),
        recurrence_rule="FREQ=MONTHLY;BYDAY=-1FR",
        recurrence_timezone="UTC",
    )

    assert todo.describe_recurrence() == "jeden Monat am letzten Freitag"
    with override("en"):
        assert todo.describe_recurrence() == "every month on the last Friday"
