"""What has to change so that the tables say what the code says: a pure, comparable value."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from recurring_jobs.exceptions import NothingDeclaredError, UnknownScheduleError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from recurring_jobs.periodic.declarations import Declaration


#: The fields whose change lets a schedule that had ended begin anew.
_BEGINNINGS = {"trigger", "end_time", "remaining_fires"}


class Kind(StrEnum):
    """What happens to one schedule."""

    CREATE = "create"
    UPDATE = "update"
    ADOPT = "adopt"
    REVIVE = "revive"
    WITHDRAW = "withdraw"
    PRUNE = "prune"
    KEEP = "keep"


@dataclass(frozen=True)
class Stored:
    """One schedule as the tables have it."""

    name: str
    #: Field by field, the JSON values that ``Declaration.values`` has.
    values: Mapping[str, Any]
    #: The values that were last applied from code; empty for a row that a person made.
    applied: Mapping[str, Any]
    #: Where the code declared it; empty for a row that a person made.
    declared_in: str = ""
    is_withdrawn: bool = False
    #: Disabled because it had fired for the last time, not because a person paused it.
    is_over: bool = False
    #: Disabled, by whomever, and without a time to come: enabled, it would not fire either.
    is_past: bool = False
    #: Fields in which a person keeps another value: the declared one of that time.
    kept: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FieldChange:
    """One field that gets another value."""

    field: str
    old: Any
    new: Any
    #: Whether the old value was an operator's, which the code's newer word replaces.
    replaces_edit: bool = False


@dataclass(frozen=True)
class Change:
    """What happens to one schedule, and what is to be remembered as applied."""

    kind: Kind
    name: str
    fields: tuple[FieldChange, ...] = ()
    applied: Mapping[str, Any] | None = None
    declared_in: str = ""
    #: What is to be remembered as kept by a person.
    kept: Mapping[str, Any] = field(default_factory=dict)
    #: Whether only our own memory of the row is written, or nothing at all.
    is_noted: bool = False


@dataclass(frozen=True)
class Drift:
    """A field that an operator changed, and that stays as it is."""

    name: str
    field: str
    stored: Any
    declared: Any
    #: Whether a person said that it stays, against this word of the code.
    is_kept: bool = False


@dataclass(frozen=True)
class Conflict:
    """A row that a person made under the name of a declaration."""

    name: str
    declared_in: str

    def __str__(self) -> str:
        return (
            f"{self.name!r}, declared in {self.declared_in}, has the name of a row that was not"
            " made from code. It is left alone; --adopt takes it over."
        )


@dataclass(frozen=True)
class Plan:
    """All that is to be done, by name, and what was found and is left alone."""

    changes: tuple[Change, ...] = ()
    drift: tuple[Drift, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    #: Names of schedules that never fired and never will, such as a single time gone by.
    ended: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether no schedule is to be changed."""
        return all(change.kind is Kind.KEEP for change in self.changes)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is to be written at all, not even our memory of what was applied."""
        return self.is_empty and not any(change.is_noted for change in self.changes)

    @property
    def differs(self) -> bool:
        """Whether the tables say anything else than the code, but for what a person keeps."""
        return not self.is_empty or bool(self.open_drift) or bool(self.conflicts)

    @property
    def open_drift(self) -> tuple[Drift, ...]:
        """The drift about which nobody has decided yet."""
        return tuple(drift for drift in self.drift if not drift.is_kept)

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences about what could not be done."""
        return tuple(str(conflict) for conflict in self.conflicts)

    def of(self, *kinds: Kind) -> list[Change]:
        """Return the changes of these kinds."""
        return [change for change in self.changes if change.kind in kinds]

    def counts(self) -> dict[str, int]:
        """Return how many changes there are of each kind, and how much drift and conflict."""
        found = Counter(change.kind.value for change in self.changes)
        drifted = {drift.name for drift in self.open_drift}
        return {
            **{kind.value: found[kind.value] for kind in Kind},
            "drift": len(drifted),
            "conflict": len(self.conflicts),
        }


def make_plan(
    declared: Iterable[Declaration],
    stored: Mapping[str, Stored],
    *,
    now: datetime,
    prune: bool = False,
    adopt: bool = False,
    force: bool = False,
    only: Collection[str] | None = None,
) -> Plan:
    """
    Return what brings *stored* in line with *declared*.

    Each field is merged three ways with what was last applied: a change in code is taken,
    an operator's change stays and is reported as drift, unless *force* puts the code's word
    back. What is no longer declared is disabled, or deleted with *prune*. A row that a
    person made under a declared name is a conflict, or taken over with *adopt*. With *only*,
    schedules of other names are left as they are. Raise NothingDeclaredError rather than
    disable or delete everything, and UnknownScheduleError for a name in *only* that is
    neither declared nor came from code.
    """
    by_name = {declaration.name: declaration for declaration in declared}
    gone = [row for name, row in stored.items() if row.declared_in and name not in by_name]
    if only is not None:
        _check_names(only, [*by_name, *(row.name for row in gone)])
        gone = [row for row in gone if row.name in only]
    standing = [row for row in gone if prune or not row.is_withdrawn]
    if standing and not by_name:
        raise NothingDeclaredError(len(standing))
    if only is not None:
        by_name = {name: each for name, each in by_name.items() if name in only}
    changes: list[Change] = [_leave(row, prune=prune) for row in standing]
    drift: list[Drift] = []
    conflicts: list[Conflict] = []
    for name, declaration in by_name.items():
        row = stored.get(name)
        if row is None:
            changes.append(_create(declaration))
        elif not row.declared_in and not adopt:
            conflicts.append(Conflict(name, declaration.source))
        else:
            change, drifted = _merge(declaration, row, force=force)
            changes.append(change)
            drift.extend(drifted)
    return Plan(
        tuple(sorted(changes, key=lambda change: change.name)),
        tuple(sorted(drift, key=lambda each: each.name)),
        tuple(sorted(conflicts, key=lambda conflict: conflict.name)),
        tuple(sorted(_ended(by_name, stored, now))),
    )


def find_drift(row: Stored) -> tuple[Drift, ...]:
    """
    Return the fields in which *row* differs from what was last applied to it.

    None for a row that a person made, or whose declaration has gone.
    """
    if not row.declared_in or row.is_withdrawn:
        return ()
    return tuple(
        Drift(row.name, name, row.values[name], word, row.kept.get(name, ...) == word)
        for name, word in row.applied.items()
        if name in row.values
        and row.values[name] != word
        and not (name == "enabled" and (row.is_over or row.is_past))
    )


def _check_names(only: Collection[str], known: Collection[str]) -> None:
    for name in only:
        if name not in known:
            raise UnknownScheduleError(name, known)


def _ended(
    declared: Mapping[str, Declaration], stored: Mapping[str, Stored], now: datetime
) -> Iterator[str]:
    for name, declaration in declared.items():
        is_known = name in stored and (stored[name].is_over or stored[name].is_past)
        if declaration.trigger.is_over(now) and not is_known:
            yield name


def _leave(row: Stored, *, prune: bool) -> Change:
    if prune:
        return Change(Kind.PRUNE, row.name)
    if not row.values["enabled"]:
        return Change(
            Kind.WITHDRAW,
            row.name,
            applied=row.applied,
            declared_in=row.declared_in,
            kept=row.kept,
        )
    # Remembered as ours, so that its return enables it again and a person's pause does not.
    return Change(
        Kind.WITHDRAW,
        row.name,
        (FieldChange("enabled", old=True, new=False),),
        {**row.applied, "enabled": False},
        row.declared_in,
        row.kept,
    )


def _create(declaration: Declaration) -> Change:
    values = declaration.values()
    fields = tuple(FieldChange(field, None, value) for field, value in values.items())
    return Change(Kind.CREATE, declaration.name, fields, values, declaration.source)


def _merge(declaration: Declaration, row: Stored, *, force: bool) -> tuple[Change, list[Drift]]:
    ours, base = declaration.values(), _base(declaration, row)
    changed: list[FieldChange] = []
    drifted: list[Drift] = []
    # Whether it is enabled is looked at last: what has come to its end is not compared.
    for name, new in sorted(ours.items(), key=lambda item: item[0] == "enabled"):
        old = row.values[name]
        if old == new:
            continue
        is_edit = name in base and old != base[name] and not _is_unreadable(old)
        if name == "enabled" and (row.is_over or row.is_past):
            if not any(each.field in _BEGINNINGS for each in changed):
                continue
            is_edit = is_edit and not row.is_over
        if is_edit and not force and (base[name] == new or name in row.kept):
            is_kept = name in row.kept and row.kept[name] == new
            drifted.append(Drift(row.name, name, old, new, is_kept))
        else:
            changed.append(FieldChange(name, old, new, replaces_edit=is_edit))
    # What a person keeps is remembered for as long as it differs.
    kept = {each.field: row.kept[each.field] for each in drifted if each.field in row.kept}
    kind = _kind(row, changed)
    is_noted = kind is Kind.KEEP and (
        ours != row.applied or declaration.source != row.declared_in or kept != row.kept
    )
    change = Change(
        kind, row.name, tuple(changed), ours, declaration.source, kept=kept, is_noted=is_noted
    )
    return change, drifted


def _base(declaration: Declaration, row: Stored) -> Mapping[str, Any]:
    """Return what was last applied: what differs from it is a person's word."""
    if row.declared_in:
        return row.applied
    # A row that is taken over keeps its pause: it may have been paused for a reason.
    return {"enabled": declaration.enabled}


def _kind(row: Stored, changed: list[FieldChange]) -> Kind:
    if not row.declared_in:
        return Kind.ADOPT
    if row.is_withdrawn:
        return Kind.REVIVE
    return Kind.UPDATE if changed else Kind.KEEP


def _is_unreadable(value: Any) -> bool:
    """A trigger that cannot be read is nobody's word, so the code's replaces it."""
    return isinstance(value, dict) and "unreadable" in value
