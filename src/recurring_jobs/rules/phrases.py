"""The small change of sentences about time: names, ordinals, lists and dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from recurring_jobs.rules.moments import Moment

    Gettext = Callable[[str], str]


def month_name(month: int, _: Gettext) -> str:
    """
    Return the name of *month*, from 1.
    """
    names = (
        *(_("January"), _("February"), _("March"), _("April"), _("May"), _("June")),
        *(_("July"), _("August"), _("September"), _("October"), _("November"), _("December")),
    )
    return names[month - 1]


def weekday_name(day: int, _: Gettext) -> str:
    """
    Return the name of a weekday; Monday is 0.
    """
    names = (
        *(_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday")),
        *(_("Friday"), _("Saturday"), _("Sunday")),
    )
    return names[day]


def ordinal(number: int, _: Gettext) -> str:
    """
    Return a place: ``first``, ``22nd``, and for negative numbers ``last``, ``2nd to last``.
    """
    if number == 1:
        return _("first")
    if number == -1:
        return _("last")
    if number < 0:  # counted from the end
        return _("%(place)s to last") % {"place": day_number(-number, _)}
    return day_number(number, _)


def day_number(number: int, _: Gettext) -> str:
    """
    Return ``1st``, ``2nd``, ``11th``.
    """
    endings = {1: _("%(number)sst"), 2: _("%(number)snd"), 3: _("%(number)srd")}
    usual = _("%(number)sth")
    ending = usual if number % 100 in (11, 12, 13) else endings.get(number % 10, usual)
    return ending % {"number": number}


def listed(
    numbers: Sequence[int],
    name: Callable[[int, Gettext], str],
    _: Gettext,
    *,
    either: bool = False,
) -> str:
    """
    Return names in a list, three and more in a row as ``Monday to Friday``.

    *either* joins them with ``or``.

    Places from the end stay single: their own names have a ``to`` in them.
    """
    runs: list[list[int]] = []
    for number in sorted(numbers, key=lambda number: (number < 0, number)):
        if runs and runs[-1][-1] >= 0 and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    items = []
    for run in runs:
        if len(run) > 2:
            span = {"first": name(run[0], _), "last": name(run[-1], _)}
            items.append(_("%(first)s to %(last)s") % span)
        else:
            items += [name(number, _) for number in run]
    return joined(items, _, either=either)


def joined(items: Sequence[str], _: Gettext, *, either: bool = False) -> str:
    """
    Return ``a, b and c``, or with *either* ``a, b or c``.
    """
    if len(items) == 1:
        return items[0]
    phrase = _("%(items)s or %(last)s") if either else _("%(items)s and %(last)s")
    return phrase % {"items": ", ".join(items[:-1]), "last": items[-1]}


def date_phrase(moment: Moment, _: Gettext) -> str:
    """
    Return ``31 December 2027``, with the time and the zone where there are any.
    """
    wall = moment.wall
    text = _("%(day)s %(month)s %(year)s") % {
        "day": wall.day,
        "month": month_name(wall.month, _),
        "year": wall.year,
    }
    if not moment.is_date:
        clock = wall.time().isoformat("seconds" if wall.second else "minutes")
        text = _("%(date)s %(time)s") % {"date": text, "time": clock}
    if moment.zone:
        zone = "UTC" if moment.zone == "Z" else moment.zone
        text = _("%(time)s (%(zone)s)") % {"time": text, "zone": zone}
    return text
