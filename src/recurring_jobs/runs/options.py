"""Where a task's retry options come from, and what they say together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from billiard.exceptions import SoftTimeLimitExceeded
from celery.exceptions import Ignore, MaxRetriesExceededError, Reject, TaskPredicate

from recurring_jobs.conf import conf
from recurring_jobs.exceptions import GiveUp, InvalidTaskOptionError, RetryLater, did_you_mean
from recurring_jobs.runs import backoff
from recurring_jobs.runs.option_values import CHECKS, OF_SETTINGS
from recurring_jobs.runs.overlap import problem_of_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

#: Not retried, unless ``autoretry_for`` names the very class.
NOT_RETRIED = (Reject, Ignore, SoftTimeLimitExceeded, MaxRetriesExceededError, GiveUp)
#: Never retried: they say what becomes of the message, or that the task has decided.
FINAL = (TaskPredicate, GiveUp)

#: How an option is named in an error, by where it stands.
_ATTRIBUTE = "{}"
_SETTING = 'RECURRING_JOBS["RETRY"]["{}"]'


class Default:
    """
    A class attribute that the RECURRING_JOBS["RETRY"] setting may replace.

    It is read at each use; an attribute of a subclass or of a task hides it, as any
    attribute would.
    """

    def __init__(self, value: Any) -> None:
        self.value = value

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        settings = conf.retry
        if self.name == "max_retries" and "max_retries" in settings.get("retry_kwargs", {}):
            return settings["retry_kwargs"]["max_retries"]
        return settings.get(self.name, self.value)


def default(value: Any) -> Any:
    """Return *value* as a class attribute that RECURRING_JOBS["RETRY"] may replace."""
    return Default(value)


@dataclass(frozen=True, slots=True)
class RetryOptions:
    """What the levels of a task's options say together."""

    autoretry_for: tuple[type[Exception], ...] = ()
    dont_autoretry_for: tuple[type[Exception], ...] = ()
    max_retries: int | None = None
    retry_backoff: float = 0.0
    retry_backoff_max: float = 600.0
    retry_jitter: bool = True
    fixed_delay: float = 180.0
    message: Mapping[str, Any] = field(default_factory=dict)

    def wants_retry(self, exc: Exception) -> bool:
        """Return whether a task that raised *exc* is to be retried by itself."""
        if isinstance(exc, RetryLater):
            return True
        if isinstance(exc, (*FINAL, *self.dont_autoretry_for)):
            return False
        if isinstance(exc, NOT_RETRIED) and type(exc) not in self.autoretry_for:
            return False
        return isinstance(exc, self.autoretry_for)

    def delay_before(
        self, retry: int, *, exc: BaseException | None, random: Callable[[], float]
    ) -> float:
        """Return the seconds to wait before the *retry*-th retry, made because of *exc*."""
        if isinstance(exc, RetryLater):
            return exc.delay.total_seconds()
        if not self.retry_backoff:
            return self.fixed_delay
        return backoff.delay_before(
            retry,
            base=self.retry_backoff,
            maximum=self.retry_backoff_max,
            jitter=self.retry_jitter,
            random=random,
        )

    def above(self, level: Mapping[str, Any]) -> RetryOptions:
        """
        Return these options with those of a nearer *level* put above, each key on its own.

        The nearest of ``retry_backoff``, ``retry_kwargs["countdown"]`` and
        ``default_retry_delay`` says how long to wait; on one level they win in this order.
        """
        extra = dict(level.get("retry_kwargs") or {})
        changes: dict[str, Any] = {
            name: level[name]
            for name in ("max_retries", "retry_backoff_max", "retry_jitter")
            if name in level
        }
        changes |= {
            name: tuple(level[name])
            for name in ("autoretry_for", "dont_autoretry_for")
            if name in level
        }
        if "max_retries" in extra:
            changes["max_retries"] = extra.pop("max_retries")
        if "default_retry_delay" in level:
            changes |= {"fixed_delay": level["default_retry_delay"], "retry_backoff": 0.0}
        if "countdown" in extra:
            changes |= {"fixed_delay": extra.pop("countdown"), "retry_backoff": 0.0}
        if "retry_backoff" in level:
            changes["retry_backoff"] = float(level["retry_backoff"])
        return replace(self, **changes, message={**self.message, **extra})


def retry_options(cls: type, own: Mapping[str, Any] | None = None) -> RetryOptions:
    """
    Return the options of task class *cls*: its own, its families', the project's, ours.

    *own* are attributes of the task itself, the nearest of all.
    """
    options = RetryOptions()
    for _where, level in _levels(cls):
        options = options.above(level)
    return options.above(_known(own or {}))


def check_options(cls: type, name: str) -> None:
    """
    Raise InvalidTaskOptionError for the first option of task *name* that cannot be.
    """
    for where, level in _levels(cls):
        for option, value in level.items():
            known = CHECKS if where == _ATTRIBUTE else OF_SETTINGS
            problem = known[option](value) if option in known else _unknown(option, known)
            if problem:
                raise InvalidTaskOptionError(name, where.format(option), problem)
    _refuse_wrong_key(cls, name)
    for base in cls.__mro__:
        if _defaults(base):
            return
        _refuse_unknown(vars(base), name)


def _refuse_wrong_key(cls: type, name: str) -> None:
    problem = problem_of_key(cls)
    if problem:
        raise InvalidTaskOptionError(name, "overlap_key", problem)


def _levels(cls: type) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the levels of options, the farthest first, each with a pattern of its names."""
    is_ours = False
    for base in reversed(cls.__mro__):
        if defaults := _defaults(base):
            is_ours = True
            yield _ATTRIBUTE, defaults
            yield _SETTING, conf.retry
        elif is_ours:
            yield _ATTRIBUTE, _known(vars(base))


def _defaults(cls: type) -> dict[str, Any]:
    return {name: each.value for name, each in vars(cls).items() if isinstance(each, Default)}


def _known(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name in CHECKS}


def _refuse_unknown(attributes: Mapping[str, Any], task: str) -> None:
    for name, value in attributes.items():
        looks_ours = name.startswith(
            ("retry_", "autoretry", "dont_autoretry", "overlap_", "no_overlap")
        )
        if looks_ours and name not in {*CHECKS, "retry_on_worker_lost"} and not callable(value):
            raise InvalidTaskOptionError(task, name, _unknown(name, CHECKS))


def _unknown(option: str, known: Iterable[str]) -> str:
    return f"is not a known option.{did_you_mean(option, known)}"
