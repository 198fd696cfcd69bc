"""The RECURRING_JOBS setting: each key with its type, its default and its meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import NoneType
from typing import Any

from django.conf import settings as django_settings

from recurring_jobs.exceptions import SettingError, did_you_mean

#: Every key that RECURRING_JOBS may hold, with the type of its value.
KEYS: dict[str, type | tuple[type, ...]] = {
    "ALERT_COOLDOWN": timedelta,
    "API_AUTHORIZE": str,
    "API_RATE": int,
    "API_TASK_RATES": Mapping,
    "API_TOKENS": Mapping,
    "API_VISIBLE": str,
    "BEAT_BATCH_SIZE": int,
    "BEAT_REPUBLISH_AFTER": timedelta,
    "BEAT_START_WITHIN": timedelta,
    "EAGER_LONGEST_WAIT": timedelta,
    "FINEST_FREQUENCY": str,
    "GENERATION_LANES": int,
    "GENERATION_SHARE": int,
    "HEARTBEAT": timedelta,
    "KEEP_ANSWERS": timedelta,
    "KEEP_DEAD_LETTERS": timedelta,
    "KEEP_FIRES": timedelta,
    "KEEP_RUNS": timedelta,
    "OVERRIDES": Mapping,
    "RESEND_AFTER": (timedelta, NoneType),
    "RETRY": Mapping,
    "SCHEDULE": Mapping,
    "SENSITIVE_KEYS": (list, tuple, set, frozenset),
    "SYNC_AFTER_MIGRATE": bool,
    "TRACK_RUNS": str,
}

#: What FINEST_FREQUENCY may be: those of ``rules``, which stands on the same floor.
FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY")

#: A shorter token of the API could be guessed, and opens nothing.
SHORTEST_TOKEN = 20


class Conf:
    """Typed access to RECURRING_JOBS, read at each use so that override_settings works."""

    @property
    def api_authorize(self) -> str:
        """
        Dotted path of ``authorize(request, action, subject) -> bool``; empty: permissions.

        The subject is the name of a task, or the label of a model of templates.
        """
        return str(self._read("API_AUTHORIZE", ""))

    @property
    def api_rate(self) -> int:
        """How many requests a minute one caller of the API may make, by the cache; 0: any."""
        return self._number("API_RATE", 600, least=0)

    @property
    def api_task_rates(self) -> Mapping[str, int]:
        """Name of a task to how often a minute one caller of the API may trigger it; 0: any."""
        rates = dict(self._read("API_TASK_RATES", {}))
        for name, value in rates.items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                problem = f"gives {name!r} {value!r}. Give a number of requests, or 0."
                raise SettingError("API_TASK_RATES", problem)
        return rates

    @property
    def api_tokens(self) -> Mapping[str, Mapping[str, Any]]:
        """
        Name of a client to ``{"sha256": "…", "allow": ["trigger", "status"]}``.

        What is kept of a token is its SHA-256. ``"tasks": ["pricing.*"]`` limits the client
        to the tasks of these names.
        """
        return dict(self._read("API_TOKENS", {}))

    @property
    def api_visible(self) -> str:
        """
        Dotted path of ``visible(request, rows) -> rows``; empty: whoever is let in sees all.

        The rows are a queryset of runs, schedules, dead letters or templates, and what it
        leaves out does not exist for that request.
        """
        return str(self._read("API_VISIBLE", ""))

    @property
    def alert_cooldown(self) -> timedelta:
        """How long nobody is told again of the same kind of trouble with the same task."""
        return self._time("ALERT_COOLDOWN", timedelta(minutes=15))

    @property
    def beat_batch_size(self) -> int:
        """How many due schedules one beat claims in one transaction."""
        return self._number("BEAT_BATCH_SIZE", 200)

    @property
    def beat_republish_after(self) -> timedelta:
        """How old a claimed fire must be before another beat publishes it again."""
        return self._time("BEAT_REPUBLISH_AFTER", timedelta(seconds=10))

    @property
    def eager_longest_wait(self) -> timedelta:
        """How long an eager task waits at most before a retry, or for a run to end."""
        return self._time("EAGER_LONGEST_WAIT", timedelta(0))

    @property
    def beat_start_within(self) -> timedelta:
        """How long a fire whose message no worker took up counts as running, for ``overlap``."""
        return self._time("BEAT_START_WITHIN", timedelta(hours=1))

    @property
    def keep_fires(self) -> timedelta:
        """How long the record of a fire is kept."""
        return self._time("KEEP_FIRES", timedelta(days=30))

    @property
    def finest_frequency(self) -> str:
        """The finest FREQ that a template's rule may have."""
        value = str(self._read("FINEST_FREQUENCY", "HOURLY"))
        if value.upper() not in FREQUENCIES:
            near = did_you_mean(value.upper(), FREQUENCIES)
            raise SettingError("FINEST_FREQUENCY", f"is {value!r}, which is no frequency.{near}")
        return value

    @property
    def heartbeat(self) -> timedelta:
        """
        How often a worker says of its kept runs that it still has them.

        Within three of these a run whose worker was lost goes on as its ``on_lost`` says,
        and the lock of a ``no_overlap`` task is free again.
        """
        # With shorter ones a busy machine would seem dead.
        return self._time("HEARTBEAT", timedelta(seconds=10), least=timedelta(seconds=1))

    @property
    def keep_answers(self) -> timedelta:
        """How long the answer to an ``Idempotency-Key`` is told again, until ``prune``."""
        return self._time("KEEP_ANSWERS", timedelta(days=1))

    @property
    def keep_dead_letters(self) -> timedelta:
        """How old a closed dead letter must be before ``prune`` deletes it; open ones stay."""
        return self._time("KEEP_DEAD_LETTERS", timedelta(days=180))

    @property
    def keep_runs(self) -> timedelta:
        """How old a run that has ended must be before ``prune`` deletes it."""
        return self._time("KEEP_RUNS", timedelta(days=30))

    @property
    def generation_lanes(self) -> int:
        """How many tasks at a time work on a backlog of templates."""
        return self._number("GENERATION_LANES", 4)

    @property
    def generation_share(self) -> int:
        """How many templates one task of the generator looks at before it sends itself on."""
        return self._number("GENERATION_SHARE", 10_000)

    @property
    def overrides(self) -> Mapping[str, Any]:
        """Declaration name to options that replace the declared ones in this environment."""
        return dict(self._read("OVERRIDES", {}))

    @property
    def resend_after(self) -> timedelta | None:
        """
        How long after its time what is on record may not have begun until its message is sent
        once more, and after twice as long again; None: never.

        On record are fires, retries of runs that are kept, and what a person sent. For a
        broker that may lose messages. What is purged comes back: cancel it instead.
        """
        if self._read("RESEND_AFTER", None) is None:
            return None
        return self._time("RESEND_AFTER", timedelta(0), least=timedelta(seconds=1))

    @property
    def retry(self) -> Mapping[str, Any]:
        """Defaults of BaseTaskWithRetry for the whole project, by its attribute names."""
        return dict(self._read("RETRY", {}))

    @property
    def schedule(self) -> Mapping[str, Mapping[str, Any]]:
        """Periodic tasks declared in settings: name to options of ``periodic_task``."""
        return dict(self._read("SCHEDULE", {}))

    @property
    def sensitive_keys(self) -> Sequence[str]:
        """Argument names whose values are never stored, in addition to the built-in ones."""
        return tuple(self._read("SENSITIVE_KEYS", ()))

    @property
    def sync_after_migrate(self) -> bool:
        """Whether ``migrate`` ends with what ``setup_periodic_tasks`` does."""
        return bool(self._read("SYNC_AFTER_MIGRATE", False))  # noqa: FBT003

    @property
    def track_runs(self) -> str:
        """``"asked"``: runs of tasks that ask for it; ``"all"``: of all BaseTaskWithRetry."""
        value = str(self._read("TRACK_RUNS", "asked"))
        if value not in {"asked", "all"}:
            raise SettingError("TRACK_RUNS", f"is {value!r}. Use 'asked' or 'all'.")
        return value

    def problems(self) -> list[SettingError]:
        """Return what is wrong with RECURRING_JOBS: unknown keys and values of a wrong type."""
        try:
            values = self._all()
        except SettingError as error:
            return [error]
        found = []
        for key, value in values.items():
            if key not in KEYS:
                found.append(SettingError(key, f"is not a known key.{did_you_mean(key, KEYS)}"))
            elif not isinstance(value, KEYS[key]):
                found.append(_wrong_type(key, value))
            else:
                found += self._value_problems(key)
        return found

    def _value_problems(self, key: str) -> list[SettingError]:
        try:
            getattr(self, key.lower())
        except SettingError as error:
            return [error]
        return []

    def _number(self, key: str, default: int, *, least: int = 1) -> int:
        value: int = self._read(key, default)
        if isinstance(value, bool) or value < least:
            raise SettingError(key, f"is {value}. Give a whole number, at least {least}.")
        return value

    def _time(self, key: str, default: timedelta, *, least: timedelta = timedelta(0)) -> timedelta:
        value: timedelta = self._read(key, default)
        if value < least:
            raise SettingError(key, f"is {value}. Give at least {least}.")
        return value

    def _read(self, key: str, default: Any) -> Any:
        values = self._all()
        if key not in values:
            return default
        if not isinstance(values[key], KEYS[key]):
            raise _wrong_type(key, values[key])
        return values[key]

    def _all(self) -> Mapping[str, Any]:
        values = getattr(django_settings, "RECURRING_JOBS", {})
        if not isinstance(values, Mapping):
            raise SettingError("…", f"cannot be read: RECURRING_JOBS is {values!r}, not a dict.")
        return values


def _wrong_type(key: str, value: object) -> SettingError:
    expected = KEYS[key]
    kinds = expected if isinstance(expected, tuple) else (expected,)
    names = " or ".join("None" if kind is NoneType else kind.__name__ for kind in kinds)
    article = "an" if names[0] in "aeiou" else "a"
    return SettingError(key, f"is {value!r} ({type(value).__name__}). Give {article} {names}.")


conf = Conf()
