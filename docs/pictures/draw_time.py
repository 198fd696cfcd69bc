"""
Draw the pictures of the page on time: ``python docs/pictures/draw_time.py``.

Every mark stands where the rules engine puts it; nothing here knows an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from recurring_jobs.rules import Occurrence, Rule, Skip

FOLDER = Path(__file__).parent
HOUR = timedelta(hours=1)
# As wide as a telephone leaves room for, so that its text is read there at its own size.
WIDTH = 328
CELL, SKIP_TOP = 17, 32

# The page's own text colour where the picture is part of it; the viewer's where it is alone.
STYLE = """
svg:root { color-scheme: light dark; color: CanvasText; }
.clock-picture { display: block; width: 100%; max-width: 30rem; height: auto; margin: 0 auto 1rem;
  font: 10.5px system-ui, sans-serif; }
.clock-picture text { fill: currentColor; stroke: none; }
.clock-picture .middle { text-anchor: middle; }
.clock-picture .end { text-anchor: end; }
.clock-picture .small { font-size: 9.5px; }
.clock-picture .strong { font-weight: 600; }
.clock-picture .grid { stroke: currentColor; stroke-opacity: .18; }
.clock-picture .band { fill: currentColor; fill-opacity: .1; }
.clock-picture .clock { stroke: currentColor; stroke-width: 2; }
.clock-picture .dashed { stroke: currentColor; stroke-width: 1.5; stroke-dasharray: 3 3; }
.clock-picture .cell { stroke: currentColor; stroke-opacity: .35; fill: none; }
.clock-picture .daily { fill: #e5501f; stroke: #e5501f; }
.clock-picture .hourly { fill: none; stroke: #2f81e0; stroke-width: 2; }
.clock-picture .half-hourly { fill: #2b9a66; stroke: #2b9a66; }
.clock-picture .hollow { fill: none; stroke-width: 1.5; }
"""

Mark = Callable[[float, float, str], str]


def draw_all() -> dict[str, str]:
    """
    Return the text of each picture by the name of its file.
    """
    return {
        "gap-day.svg": draw_gap_day(),
        "fold-day.svg": draw_fold_day(),
        "skip-year.svg": draw_skip_year(),
    }


def draw_gap_day() -> str:
    """
    Return the day on which New York's clocks go forward: a daily 02:30, and every hour.
    """
    day = Day(date(2026, 3, 8), "America/New_York", hours=4)
    daily, hourly = "FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "FREQ=HOURLY"
    lanes = [Lane("daily", daily, diamond), Lane("hourly", hourly, ring)]
    return day.draw("gap-day", "The gap: clocks in New York go forward on 8 March 2026", lanes)


def draw_fold_day() -> str:
    """
    Return the day on which they go back: a daily 01:30, every hour, every 30 minutes.
    """
    day = Day(date(2026, 11, 1), "America/New_York", hours=4)
    lanes = [
        Lane("daily", "FREQ=DAILY;BYHOUR=1;BYMINUTE=30", diamond),
        Lane("hourly", "FREQ=HOURLY", ring),
        Lane("half-hourly", "FREQ=MINUTELY;INTERVAL=30", dot),
    ]
    return day.draw("fold-day", "The fold: clocks in New York go back on 1 November 2026", lanes)


class Lane(NamedTuple):
    """One rule of a picture: its class of style, its text, and the shape of its marks."""

    style: str
    text: str
    mark: Mark

    @property
    def rule(self) -> Rule:
        return Rule.parse(self.text)


class Day:
    """The first hours of one local day, with the clock change in them."""

    LEFT, TOP, HEIGHT, LANE = 46, 14, 168, 40
    PER_HOUR = 65

    def __init__(self, day: date, zone: str, *, hours: int) -> None:
        self.zone = ZoneInfo(zone)
        self.midnight = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        self.begin = self.midnight.astimezone(UTC)
        self.hours = hours
        self.end = self.begin + hours * HOUR
        self.change = self._change()
        self.before = self._wall(self.change - timedelta(minutes=1)) + timedelta(minutes=1)
        self.after = self._wall(self.change)
        self.wall_hours = self._wall(self.end) // HOUR

    def draw(self, name: str, title: str, lanes: list[Lane]) -> str:
        """
        Return the picture: the wall clock against UTC, and a lane of marks for each rule.
        """
        found = [(lane, self._occurrences(lane.rule)) for lane in lanes]
        bottom = self.TOP + self.HEIGHT + 22 + self.LANE * len(lanes)
        parts = [*self._grid(bottom), *self._clock()]
        for lane, occurrences in reversed(found):
            parts += self._on_the_clock(lane, occurrences)
        for place, (lane, occurrences) in enumerate(found):
            parts += self._lane(lane, occurrences, self.TOP + self.HEIGHT + 38 + place * self.LANE)
        told = [
            f"{lane.rule.describe()}: "
            + ", ".join(f"{one.at:%H:%M %Z} ({_utc(one.at):%H:%M} UTC)" for one in occurrences)
            for lane, occurrences in found
        ]
        return picture(name, title, ". ".join(told) + ".", bottom + 6, parts)

    def _occurrences(self, rule: Rule) -> list[Occurrence]:
        found = rule.expand(self.midnight, after=self.begin, before=self.end, inclusive=True)
        return [one for one in found if isinstance(one.at, datetime)]

    def _grid(self, bottom: float) -> Iterator[str]:
        low, high = sorted((self.before, self.after))
        right = self.LEFT + self.hours * self.PER_HOUR
        yield box("band", self.LEFT, self._y(high), right - self.LEFT, self._y(low) - self._y(high))
        for hour in range(self.wall_hours + 1):
            y = self._y(hour * HOUR)
            yield stroke("grid", self.LEFT, y, right, y)
            yield text("end", self.LEFT - 8, y + 3.5, f"{hour:02}:00")
        for hour in range(self.hours + 1):
            x = self.LEFT + hour * self.PER_HOUR
            yield stroke("grid", x, self.TOP, x, bottom)
            label = f"{self.begin + hour * HOUR:%H:%M}"
            yield text("middle", x, self.TOP + self.HEIGHT + 16, label)
        yield text("end", self.LEFT - 20, self.TOP + self.HEIGHT + 16, "UTC")
        passes = "never is" if self.after > self.before else "is twice"
        yield text("", self.LEFT + 5, self._y(high) + 13, f"{_clock(low)} to {_clock(high)}")
        yield text("", self.LEFT + 5, self._y(high) + 26, passes)

    def _clock(self) -> Iterator[str]:
        x, right = self._x(self.change), self._x(self.end)
        yield stroke("clock", self.LEFT, self._y(timedelta(0)), x, self._y(self.before))
        yield stroke("dashed", x, self._y(self.before), x, self._y(self.after))
        yield stroke("clock", x, self._y(self.after), right, self._y(self._wall(self.end)))
        for instant in (self.change - HOUR, self.end - HOUR):
            x, y = self._x(instant) - 4, self._y(self._wall(instant)) - 8
            yield text("end strong", x, y, f"{instant.astimezone(self.zone):%Z}")

    def _on_the_clock(self, lane: Lane, occurrences: list[Occurrence]) -> Iterator[str]:
        for one in occurrences:
            yield lane.mark(self._x(one.at), self._y(self._wall(one.at)), lane.style)
            if not one.nominal.endswith("Z"):
                yield from self._not_taken(lane, one.at, datetime.fromisoformat(one.nominal))

    def _not_taken(self, lane: Lane, at: datetime, written: datetime) -> Iterator[str]:
        """Show where a time in a gap was meant to be, or the second of a time in a fold."""
        x, y, style = self._x(at), self._y(self._wall(at)), f"{lane.style} hollow"
        second = written.replace(tzinfo=self.zone, fold=1)
        if written != at.replace(tzinfo=None):
            there = self._y(written - self.midnight.replace(tzinfo=None))
            yield stroke("dashed", self._x(self.change), self._y(self.before), x, there)
            yield stroke(style, x, there - 7, x, y + 8)
            yield lane.mark(x, there, style)
            yield text("", x + 11, there + 4, f"{written:%H:%M} as written")
        elif _utc(second) != _utc(at):
            yield lane.mark(self._x(second), y, style)
            yield text("", self._x(second) + 11, y + 4, f"not again at {written:%H:%M}")

    def _lane(self, lane: Lane, occurrences: list[Occurrence], y: float) -> Iterator[str]:
        yield text("strong", 6, y, lane.rule.describe())
        for one in occurrences:
            yield lane.mark(self._x(one.at), y + 10, lane.style)
            yield text("middle small", self._x(one.at), y + 24, f"{one.at:%H:%M}")

    def _change(self) -> datetime:
        minute, instant = timedelta(minutes=1), self.begin
        while self._offset(instant) == self._offset(self.begin):
            instant += minute
        return instant

    def _offset(self, instant: datetime) -> timedelta | None:
        return instant.astimezone(self.zone).utcoffset()

    def _wall(self, instant: datetime) -> timedelta:
        """Return what the clock on the wall shows, counted from the day's midnight."""
        shown = instant.astimezone(self.zone).replace(tzinfo=None)
        return shown - self.midnight.replace(tzinfo=None)

    def _x(self, instant: datetime) -> float:
        return self.LEFT + (_utc(instant) - self.begin) / HOUR * self.PER_HOUR

    def _y(self, wall: timedelta) -> float:
        return self.TOP + self.HEIGHT - wall / HOUR * self.HEIGHT / self.wall_hours


def draw_skip_year() -> str:
    """
    Return a year of "the 31st of every month", once for each reading of RFC 7529's SKIP.
    """
    parts, told = [], []
    for month in range(12):
        name = f"{date(2026, month + 1, 1):%b}"
        parts.append(text("end", 30, SKIP_TOP + (month + 1) * CELL - 5, name))
    for place, skip in enumerate((Skip.OMIT, Skip.BACKWARD, Skip.FORWARD)):
        rule = Rule.parse(f"RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=31;SKIP={skip.value}")
        found = list(rule.occurrences(date(2026, 1, 1), before=date(2027, 1, 1)))
        parts += _calendar(skip.value, 36 + place * 98, found)
        told.append(f"{skip.value}: " + ", ".join(f"{one.day} {one:%B}" for one in found))
    title = "The 31st of every month in 2026, for each SKIP"
    return picture("skip-year", title, ". ".join(told) + ".", SKIP_TOP + 12 * CELL + 6, parts)


def _calendar(name: str, left: float, found: list[date]) -> Iterator[str]:
    # The last days of each month, then a little apart the first of the next.
    columns = {"28": 0, "29": CELL, "30": 2 * CELL, "31": 3 * CELL, "1": 4 * CELL + 4}
    yield text("middle strong", left + 2.5 * CELL, SKIP_TOP - 20, name)
    for label, offset in columns.items():
        yield text("middle", left + offset + CELL / 2, SKIP_TOP - 5, label)
    for month in range(12):
        first, y = date(2026, month + 1, 28), SKIP_TOP + month * CELL
        for day in (first + timedelta(days=number) for number in range(5)):
            if day.day == 2:
                break
            x = left + columns[str(day.day)]
            yield box("cell", x + 1.5, y + 1.5, CELL - 3, CELL - 3)
            if day in found:
                yield dot(x + CELL / 2, y + CELL / 2, "daily", 4.5)


def picture(name: str, title: str, description: str, height: float, parts: list[str]) -> str:
    """
    Return an SVG that a screen reader tells by *title* and *description*.
    """
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="clock-picture" '
            f'viewBox="0 0 {WIDTH} {height:g}" role="img" '
            f'aria-labelledby="{name}-title {name}-description">',
            f'<title id="{name}-title">{escape(title)}</title>',
            f'<desc id="{name}-description">{escape(description)}</desc>',
            f"<style>{STYLE}</style>",
            *parts,
            "</svg>\n",
        ]
    )


def text(style: str, x: float, y: float, words: str) -> str:
    return f'<text class="{style}" x="{x:g}" y="{y:g}">{escape(words)}</text>'


def stroke(style: str, x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<path class="{style}" d="M{x:g} {y:g}L{to_x:g} {to_y:g}"/>'


def box(style: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{style}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"/>'


def diamond(x: float, y: float, style: str) -> str:
    return f'<path class="{style}" d="M{x:g} {y - 6:g}l6 6l-6 6l-6-6z"/>'


def ring(x: float, y: float, style: str) -> str:
    return f'<circle class="{style}" cx="{x:g}" cy="{y:g}" r="4.5"/>'


def dot(x: float, y: float, style: str, radius: float = 2.5) -> str:
    return f'<circle class="{style}" cx="{x:g}" cy="{y:g}" r="{radius:g}"/>'


def _clock(wall: timedelta) -> str:
    hours, minutes = divmod(wall // timedelta(minutes=1), 60)
    return f"{hours:02}:{minutes:02}"


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


if __name__ == "__main__":
    for name, drawing in draw_all().items():
        (FOLDER / name).write_text(drawing, encoding="utf-8")
