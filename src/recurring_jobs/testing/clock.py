"""A clock that stands still until a test moves it."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, Self
from unittest import mock

from celery import current_app
from django.utils import timezone

from recurring_jobs.clock import going_by, moved_now

if TYPE_CHECKING:
    from types import TracebackType

_entered: list[Clock] = []


class Clock:
    """
    A clock that stands still at *at* (default: now) until it is moved.

    While it is entered, these go by it: Django's ``timezone.now()``, and so ``auto_now``
    and ``default=timezone.now``; whatever this library asks the time, the database's clock
    included; and what Celery reckons ``countdown``, ``eta`` and ``expires`` from. These do
    not: ``datetime.now()``, ``time.time()``, ``sleep()``, ``Now()`` in queries of your own,
    and other processes. Raise ValueError for a time without a zone.
    """

    def __init__(self, at: datetime | None = None) -> None:
        self._at = timezone.now() if at is None else aware(at)
        self._patches = ExitStack()

    @property
    def now(self) -> datetime:
        """The time that it shows."""
        return self._at

    def move_to(self, at: datetime) -> None:
        """Show *at*, which may be earlier."""
        self._at = aware(at)

    def move_by(self, time: timedelta | float) -> None:
        """Show a time so much later; a number is seconds."""
        step = time if isinstance(time, timedelta) else timedelta(seconds=time)
        # By way of UTC: added to a local time, hours would be those of its wall clock.
        self._at = (self._at.astimezone(UTC) + step).astimezone(self._at.tzinfo)

    def __enter__(self) -> Self:
        app: Any = current_app
        with ExitStack() as patches:
            patches.enter_context(going_by(lambda: self._at))
            # Not timezone.now itself: fields keep it as their default, modules by its name.
            patches.enter_context(mock.patch.object(timezone, "datetime", _MovedDatetime))
            patches.enter_context(
                mock.patch.object(app._get_current_object(), "now", self._now_for_celery)
            )
            _entered.append(self)
            patches.callback(_entered.remove, self)
            self._patches = patches.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._patches.close()

    def _now_for_celery(self) -> datetime:
        return self._at.astimezone(current_app.timezone)


class _AnyDatetime(type):
    """Takes every datetime for an instance, as the class in whose place it stands."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


class _MovedDatetime(datetime, metaclass=_AnyDatetime):
    """What Django's ``timezone`` module takes for ``datetime`` while a clock is entered."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # a plain one
        at = moved_now() or datetime.now(UTC)
        return at.astimezone(tz) if tz is not None else at.astimezone().replace(tzinfo=None)


def entered_clock() -> Clock | None:
    """Return the clock that was entered last; None where time is real."""
    return _entered[-1] if _entered else None


def aware(at: datetime) -> datetime:
    """Return *at*. Raise ValueError where it has no time zone."""
    if timezone.is_naive(at):
        message = f"{at!r} has no time zone. Give an aware datetime, such as one with tzinfo=UTC."
        raise ValueError(message)
    return at
