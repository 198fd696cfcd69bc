"""What the sub-commands of ``recurring_jobs`` have in common."""

from __future__ import annotations

import argparse
import json
from abc import ABC, abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, TypeVar

from django.core.management.base import CommandError

from recurring_jobs.management.terminal import as_json, as_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from celery import Celery
    from django.core.management.base import OutputWrapper

#: Exit codes, as the help tells them.
NO: Final = 1
WRONG_USE: Final = 2
AWAY: Final = 3

EXIT_CODES: Final = """
exit codes:
  0  done; for worker, beat and dev: stopped as asked
  1  the answer is no: no worker answered, no such run, the run failed, nothing purged,
     not all is well, a queue did not get empty, a dead letter could not be sent
  2  wrong use: an unknown task, a wrong argument, a wrong declaration, no Celery app,
     a migration that was not applied
  3  the broker or the database cannot be reached
  dev exits with the code of the process that ended first
"""

#: Nobody asks further back than that.
LONGEST: Final = timedelta(days=36_500)

_T = TypeVar("_T", list[Any], dict[str, Any])

_SHAPES: Final[dict[type, str]] = {
    list: "an array, such as '[1, 2]'",
    dict: "an object, such as '{\"days\": 7}'",
}


class Subcommand(ABC):
    """One word after ``recurring_jobs``: what may follow it, and what it does."""

    #: The word.
    name: ClassVar[str]
    #: One line for the help.
    help: ClassVar[str]
    #: Whether it prints data, as a table or as JSON.
    has_json: ClassVar[bool] = True

    def __init__(self, out: OutputWrapper, err: OutputWrapper) -> None:
        self.out = out
        self.err = err

    @classmethod
    def add_to(cls, subcommands: Any) -> None:
        """Add its parser to those of its siblings."""
        parser = subcommands.add_parser(cls.name, help=cls.help, description=cls.help)
        cls.add_arguments(parser)
        if cls.has_json:
            parser.add_argument("--json", action="store_true", help="Print JSON for scripts.")

    @classmethod
    @abstractmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Add what may follow the word."""

    @abstractmethod
    def handle(self, app: Celery, options: dict[str, Any]) -> None:
        """Ask one service and print what it answered; raise CommandError for a no."""

    def tell(self, options: dict[str, Any], told: Mapping[str, Any]) -> None:
        """Print facts about one thing, a line each."""
        if options["json"]:
            self.out.write(as_json(told))
            return
        width = max(len(key) for key in told)
        for key, value in told.items():
            shown = json.dumps(value) if isinstance(value, (dict, list)) else value
            self.out.write(as_table((key.ljust(width), "-" if shown is None else str(shown)), ()))

    def show(
        self, options: dict[str, Any], found: Any, heads: Sequence[str], rows: Sequence[Any]
    ) -> None:
        """Print *rows* below *heads*, or *found* as JSON."""
        self.out.write(as_json(found) if options["json"] else as_table(heads, rows))

    def note(self, line: str) -> None:
        """Print what is not data, such as progress, apart from it and without colour."""
        self.err.write(line, lambda text: text)


def refuse(message: str, code: int = NO) -> NoReturn:
    """End the command with a sentence and an exit code."""
    raise CommandError(message, returncode=code)


def read_json(option: str, text: str, kind: type[_T]) -> _T:
    """Return *text* read as JSON of *kind*. Raise CommandError naming *option* otherwise."""
    try:
        value = json.loads(text)
    except ValueError as error:
        refuse(f"{option} is not JSON: {error}.", WRONG_USE)
    if not isinstance(value, kind):
        refuse(f"{option} must be {_SHAPES[kind]}.", WRONG_USE)
    return value


def length_in(unit: str) -> Callable[[str], timedelta]:
    """Return what reads a number of *unit*, ``days`` or ``hours``, as a length of time."""
    most = LONGEST / timedelta(**{unit: 1})

    def read(text: str) -> timedelta:
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not 0 <= number <= most:  # not-a-number is refused as well
            message = f"{text!r} is not a number of {unit} from 0 to {most:,.0f}."
            raise argparse.ArgumentTypeError(message)
        return timedelta(**{unit: number})

    return read


def given(options: dict[str, Any], *names: str) -> list[str]:
    """Return the options of *names* that were typed, as Celery wants them."""
    return [
        f"--{name.replace('_', '-')}={options[name]}" for name in names if options[name] is not None
    ]
