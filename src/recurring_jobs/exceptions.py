"""Every error that recurring_jobs raises, in one tree."""

from __future__ import annotations

from datetime import timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


def _rebuild(cls: type[RecurringJobsError], message: str, facts: dict[str, Any]) -> Exception:
    error = cls.__new__(cls, message)
    Exception.__init__(error, message)
    error.__dict__.update(facts)
    return error


class RecurringJobsError(Exception):
    """Base class of all errors of this package; not raised itself."""

    def __reduce__(self) -> tuple[Callable[..., Exception], tuple[Any, ...]]:
        # Errors are built from facts, not from their message, so the default way back
        # through pickle (which calls the class with the message) would fail.
        return _rebuild, (type(self), str(self), dict(self.__dict__))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """
    Return ``" Did you mean 'x'?"`` for the nearest of *known*, or an empty string.
    """
    near = get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


# Settings


class SettingError(RecurringJobsError, ValueError):
    """A key of the RECURRING_JOBS setting is unknown or has a value of the wrong kind."""

    def __init__(self, key: str, problem: str) -> None:
        self.key = key
        super().__init__(f"RECURRING_JOBS[{key!r}] {problem}")


# Rules


class InvalidRuleError(RecurringJobsError, ValueError):
    """A recurrence rule cannot be read, or asks for what RFC 5545 forbids."""

    def __init__(self, part: str, value: str, problem: str) -> None:
        self.part = part
        self.value = value
        shown = value if len(value) <= 80 else value[:77] + "..."
        super().__init__(f"{part}: {shown!r} {problem}" if value else f"{part} {problem}")


class RuleNeverOccursError(InvalidRuleError):
    """A recurrence rule is well formed, but no date satisfies it."""

    def __init__(self, text: str) -> None:
        super().__init__("Rule", text, "can never occur. Change or remove one of its parts.")


class UnknownTimeZoneError(RecurringJobsError, ValueError):
    """A time zone name is not in the IANA time zone database."""

    def __init__(self, name: str, known: Iterable[str] = ()) -> None:
        self.name = name
        super().__init__(
            f"Time zone {name!r} is not known.{did_you_mean(name, known)} "
            "Use an IANA name such as 'Europe/Paris'."
        )


# Rows that repeat


class UnknownRecurringModelError(RecurringJobsError, LookupError):
    """A model was named that is not installed, or does not have the mixin."""

    def __init__(self, label: str, known: Iterable[str] = ()) -> None:
        self.label = label
        names = list(known)
        super().__init__(
            f"{label!r} is not a recurring model.{did_you_mean(label, names)} "
            f"Recurring models are: {', '.join(sorted(names)) or 'none'}."
        )


class SeriesEditError(RecurringJobsError, ValueError):
    """A series cannot be edited like this: skip, reschedule, split, change its rule or end it."""

    def __init__(self, row: object, problem: str) -> None:
        self.problem = problem
        name = getattr(getattr(row, "_meta", None), "verbose_name", type(row).__name__)
        super().__init__(f"{str(name).capitalize()} {getattr(row, 'pk', row)}: {problem}")


class InvalidCalendarError(RecurringJobsError, ValueError):
    """A text in iCalendar's form does not give one rule with its start and zone."""

    def __init__(self, part: str, problem: str) -> None:
        self.part = part
        super().__init__(f"{part} {problem}")


# Declarations


class InvalidTriggerError(RecurringJobsError, ValueError):
    """A trigger (Cron, Every, RRule, At, Solar) cannot mean anything as written."""

    def __init__(self, kind: str, value: object, problem: str) -> None:
        self.kind = kind
        self.value = value
        super().__init__(f"{kind}({value!r}): {problem}")


class InvalidDeclarationError(RecurringJobsError, ValueError):
    """A periodic task is declared with an option that is unknown or cannot be."""

    def __init__(self, name: str, source: str, problem: str) -> None:
        self.name = name
        self.source = source
        super().__init__(f"Periodic task {name!r}, declared in {source}: {problem}")


class UnknownDeclaredTaskError(InvalidDeclarationError):
    """A periodic task is declared for a task that no module registers."""

    def __init__(self, name: str, source: str, task: str, known: Iterable[str] = ()) -> None:
        self.task = task
        near = did_you_mean(task, known)
        super().__init__(name, source, f"the task {task!r} is not registered.{near}")


class DuplicateDeclarationError(RecurringJobsError, ValueError):
    """Two periodic tasks are declared under one name."""

    def __init__(self, name: str, first: str, second: str) -> None:
        self.name = name
        super().__init__(
            f"Periodic task {name!r} is declared twice, in {first} and in {second}. "
            "Give one of them another name."
        )


class InvalidDeclarationsError(RecurringJobsError, ValueError):
    """Some declarations are wrong, so none was applied."""

    def __init__(self, problems: Iterable[Exception]) -> None:
        self.problems = [str(problem) for problem in problems]
        super().__init__("\n".join(self.problems))


class UnknownDeclarationError(RecurringJobsError, LookupError):
    """A test asked for a declaration that does not exist, or that is one of several."""

    def __init__(self, name: str, known: Iterable[str], fitting: Sequence[str] = ()) -> None:
        self.name = name
        if fitting:
            names = ", ".join(map(repr, fitting))
            problem = f"is declared {len(fitting)} times. Give one of these names: {names}."
        else:
            problem = f"is no declaration, and no task that is declared.{did_you_mean(name, known)}"
        super().__init__(f"{name!r} {problem}")


class NothingDeclaredError(RecurringJobsError, RuntimeError):
    """No declaration was loaded, while the database has schedules that came from code."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(
            f"No periodic task is declared, but {count} in the database came from declarations. "
            "None was disabled or deleted: more likely the task modules were not loaded. "
            "Check that the Celery app discovers them, or disable the rows in the admin."
        )


class UnknownScheduleError(RecurringJobsError, LookupError):
    """A schedule was named that is neither declared nor came from a declaration."""

    def __init__(self, name: str, known: Iterable[str] = ()) -> None:
        self.name = name
        super().__init__(
            f"No periodic task {name!r} is declared, and none came from code."
            f"{did_you_mean(name, known)}"
        )


class NoDriftError(RecurringJobsError, LookupError):
    """A schedule says what the code says, so there is nothing to decide about."""

    def __init__(self, name: str, fields: Iterable[str] | None = None) -> None:
        self.name = name
        where = f" in {', '.join(sorted(fields))}" if fields else ""
        super().__init__(f"Schedule {name!r} does not differ from the code{where}.")


class SyncBusyError(RecurringJobsError, TimeoutError):
    """Another process is bringing the schedules in line, and did not finish in time."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(
            f"Another process has been changing the schedules for {seconds} seconds. "
            "Nothing was changed here; try again."
        )


# Schedules and fires


class NotFiredError(RecurringJobsError, ValueError):
    """A schedule cannot fire as it is stored."""

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        super().__init__(f"{name!r} was not fired: {problem} Correct its arguments.")


class FireNotSentError(RecurringJobsError, ConnectionError):
    """The broker did not take the message of a fire, so nothing was fired."""

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        super().__init__(f"{name!r} was not fired: the broker did not take it ({problem}).")


class NoNextFireError(RecurringJobsError, LookupError):
    """A schedule has no next fire that could be skipped."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name!r} has no next fire: it has ended, or is paused or set aside.")


class BackfillTooLongError(RecurringJobsError, ValueError):
    """A backfill would make more fires than it may."""

    def __init__(self, name: str, most: int) -> None:
        self.name = name
        self.most = most
        super().__init__(
            f"Between these times {name!r} has more than {most} nominal times."
            " Choose a shorter range, or pass most=."
        )


class LedgerError(RecurringJobsError, AssertionError):
    """The fires on record contradict each other, or what the schedules say."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("The ledger is not sound:\n" + "\n".join(f"- {each}" for each in problems))


# Tasks and their runs


class InvalidTaskOptionError(RecurringJobsError, ValueError):
    """A task is defined with a retry option that cannot be."""

    def __init__(self, task: str, option: str, problem: str) -> None:
        self.task = task
        self.option = option
        super().__init__(f"Task {task!r}: {option} {problem}")


class GiveUp(RecurringJobsError):  # noqa: N818  a verb that a task says, not an error name
    """
    Raised by a task to end now, without another retry, as a dead letter.
    """

    def __init__(self, reason: str = "The task gave up.") -> None:
        self.reason = reason
        super().__init__(reason)


class RetryLater(RecurringJobsError):  # noqa: N818  see GiveUp
    """
    Raised by a task to be retried after exactly *delay*, as the other side asked.

    *delay* is a number of seconds or a timedelta, not negative. It counts as a retry
    and is not jittered. Raise ValueError for a negative delay.
    """

    def __init__(self, delay: float | timedelta, reason: str = "") -> None:
        self.delay = delay if isinstance(delay, timedelta) else timedelta(seconds=delay)
        self.reason = reason
        if self.delay < timedelta(0):
            message = f"RetryLater: the delay {delay!r} is negative. Give seconds from now."
            raise ValueError(message)
        super().__init__(reason or f"To be retried in {self.delay.total_seconds():g} s.")


class RedactedError(RecurringJobsError, RuntimeError):
    """A task failed with an exception that would have told a secret; its text is redacted."""

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        super().__init__(f"{kind}: {text}")


class RunLostError(RecurringJobsError, RuntimeError):
    """The worker of a run, or its sender before that, was lost, and the run does not go on."""

    def __init__(self, crashes: int, reason: str = "") -> None:
        self.crashes = crashes
        times = "once" if crashes == 1 else f"{crashes} times"
        lost = f"The worker was lost {times} while it ran this."
        why = f" {reason}" if reason else ""
        super().__init__((lost if crashes else "Whoever was to send this was lost.") + why)


class RunGoesOnError(RecurringJobsError, ValueError):
    """A run was to be sent again that has not ended."""

    def __init__(self, run: object, state: str) -> None:
        super().__init__(f"Run {run} is {state}. Cancel it, or wait until it has ended.")


class RunEndedError(RecurringJobsError, ValueError):
    """A run cannot be cancelled: it has ended."""

    def __init__(self, run_id: str, state: str) -> None:
        self.run_id = run_id
        self.state = state
        super().__init__(f"Run {run_id} has ended: it is {state}. Nothing was done.")


class ArgumentsNotHeldError(RecurringJobsError, LookupError):
    """A result was to be sent again whose arguments are not kept as they were."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        super().__init__(
            f"Task {task_id} cannot be sent again: no run is kept of it. "
            "Those of tasks with tracked = True are."
        )


# Locks


class OverlapKeyError(GiveUp, ValueError):
    """The arguments of a run do not give the key that its task asks for."""

    def __init__(self, task: str, problem: str) -> None:
        self.task = task
        GiveUp.__init__(
            self, f"Task {task!r}: its overlap_key cannot be made of the arguments: {problem}"
        )


class NoLockError(RecurringJobsError, RuntimeError):
    """A task that must not overlap was started where no lock can be taken."""

    def __init__(self, task: str) -> None:
        self.task = task
        super().__init__(
            f"Task {task!r} has no_overlap, but no lock was taken. "
            "Add 'recurring_jobs' to INSTALLED_APPS of the worker."
        )


class StillRunningError(GiveUp, TimeoutError):
    """Another run of the task was still at work when this one had waited long enough."""

    def __init__(self, task: str, holder: str, seconds: float) -> None:
        self.task = task
        self.holder = holder
        GiveUp.__init__(
            self,
            f"Run {holder} of {task!r} was still at work after {seconds:.0f} s. Send this one "
            "again when it has ended, break its lock, or give a longer overlap_wait_max.",
        )


class LockLostError(RecurringJobsError, RuntimeError):
    """A run has slept past the lease of its lock, or the lock was broken: it is another's."""

    def __init__(self, task: str, run_id: str) -> None:
        self.task = task
        self.run_id = run_id
        super().__init__(
            f"Run {run_id} of {task!r} has lost its lock, so what it does is not to be kept."
        )


class LockChangedError(RecurringJobsError, ValueError):
    """A lock was to be broken that its run has freed, or that is another's by now."""

    def __init__(self, lock: object) -> None:
        super().__init__(f"The lock of {lock} has changed since you looked. Nothing was done.")


# Dead letters


class NotSendableError(RecurringJobsError, ValueError):
    """A dead letter, or a run, cannot be sent again as it is."""

    def __init__(self, letter: object, problem: str, *, kind: str = "Dead letter") -> None:
        super().__init__(f"{kind} {letter} cannot be sent again: {problem}")


class LetterClosedError(RecurringJobsError, ValueError):
    """A dead letter was sent again, or discarded, before."""

    def __init__(self, letter: object, state: str, closed_by: str = "") -> None:
        self.state = state
        by = f" by {closed_by}" if closed_by else ""
        super().__init__(f"Dead letter {letter} was {state}{by} before. Nothing was done.")


# Asking from outside: API and commands


class UnknownTaskError(RecurringJobsError, LookupError):
    """No task of this name may be triggered: it does not exist, or is not triggerable."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            "No task of this name can be triggered. "
            "A task can be when its code says triggerable=True."
        )


class InvalidArgumentError(RecurringJobsError, ValueError):
    """A task cannot be called with an argument that was given, or without one that was not."""

    def __init__(self, task: str, argument: str, problem: str) -> None:
        self.task = task
        self.argument = argument
        super().__init__(f"Argument {argument!r} of task {task!r} {problem}")


class UnknownHealthPartError(RecurringJobsError, LookupError):
    """Somebody asked how a part is that there is none of."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        super().__init__(
            f"There is no part {name[:80]!r}.{did_you_mean(name[:80], known)}"
            f" Known are: {', '.join(known)}."
        )


# What has to be there


class BrokerAwayError(RecurringJobsError, ConnectionError):
    """The broker could not be reached, so nothing was sent and nothing could be asked."""

    def __init__(self, url: str, problem: str) -> None:
        self.url = url
        super().__init__(
            f"The broker {url} cannot be reached ({problem}). "
            "Start it, or correct CELERY_BROKER_URL."
        )


class DatabaseAwayError(RecurringJobsError, ConnectionError):
    """The database could not be reached, or broke off."""

    def __init__(self, alias: str, problem: str) -> None:
        self.alias = alias
        lines = " ".join(problem.split()).rstrip(".")
        super().__init__(
            f"The database {alias!r} does not answer as it should ({lines}). "
            "Start it, correct DATABASES, or apply its migrations."
        )


class NotMigratedError(RecurringJobsError, RuntimeError):
    """A migration of the package was not applied, so a table or a column is missing."""

    def __init__(self, missing: Iterable[str]) -> None:
        self.missing = tuple(missing)
        super().__init__(f"Not applied: {', '.join(self.missing)}. Type: python manage.py migrate")


class CeleryAppMissingError(RecurringJobsError, RuntimeError):
    """The project's Celery app was not loaded, so Celery would use an empty one."""

    def __init__(self, project: str) -> None:
        self.project = project
        super().__init__(
            "The project's Celery app is not loaded. "
            f"Write into {project}/__init__.py: from {project}.celery import app as celery_app"
        )


class ExtraMissingError(RecurringJobsError, ImportError):
    """What was asked for needs a library that comes with an extra."""

    def __init__(self, extra: str, library: str) -> None:
        self.extra = extra
        super().__init__(
            f"This needs the library {library}. "
            f'Install it: pip install "django-recurring-jobs[{extra}]"'
        )
