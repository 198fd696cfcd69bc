"""One request on its way through the API: who asks, what is given, and what may be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from django.urls import reverse
from django.utils.module_loading import import_string

from recurring_jobs.api.access import admit
from recurring_jobs.api.bodies import read_object
from recurring_jobs.api.rates import count_request
from recurring_jobs.conf import conf

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.db.models import Model, QuerySet
    from django.http import HttpRequest

    from recurring_jobs.api.access import Caller
    from recurring_jobs.api.kinds import Key
    from recurring_jobs.api.problems import Problem

_M = TypeVar("_M", bound="Model")


@dataclass(frozen=True, kw_only=True)
class Operation:
    """
    What one address does: the views, the OpenAPI document and the tests all read it here.

    *answers* gives each status of success the name of its schema, *problems* the kinds
    beside those that any operation may have. An operation without *action* is open.
    """

    method: str
    action: str
    answers: Mapping[int, str]
    problems: tuple[str, ...] = ()
    query: tuple[Key, ...] = ()
    body: tuple[Key, ...] | None = None
    is_keyed: bool = False

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods of HTTP that are let through."""
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)


class Call:
    """A request for one operation."""

    def __init__(self, request: HttpRequest, operation: Operation) -> None:
        self.request = request
        self.operation = operation
        #: Who was let in.
        self.caller: Caller | None = None

    def admit(self, task: str = "") -> Caller:
        """Return the caller, if it may do this to *task*, and not too often. Raise Problem."""
        self.caller = admit(self.request, self.operation.action, task)
        count_request(self.caller)
        return self.caller

    def address(self, name: str, *args: object) -> str:
        """Return the address of another view of this API, as it is mounted here."""
        match = self.request.resolver_match
        return reverse(
            f"recurring_jobs_api:{name}", args=args, current_app=match.namespace if match else None
        )

    def query(self) -> dict[str, Any]:
        """Return what the query says, by name. Raise Problem naming what is wrong with it."""
        keys = self.operation.query
        return {key.name: key.read(self.request.GET) for key in keys}

    def body(self) -> dict[str, Any]:
        """Return what the body says, by name. Raise Problem naming what is wrong with it."""
        keys = self.operation.body or ()
        given = read_object(self.request, tuple(key.name for key in keys))
        return {key.name: key.read(given) for key in keys}

    def visible(self, rows: QuerySet[_M], caller: Caller, *, task: str = "") -> QuerySet[_M]:
        """
        Return those of *rows* that *caller* may see: of its tasks, and by the host's own rule.

        *task* is the field that holds the name of the task, where the rows have one.
        """
        if task and caller.tasks is not None:
            rows = rows.filter(**{f"{task}__regex": caller.tasks_as_regex()})
        if not conf.api_visible:
            return rows
        narrow: Callable[[HttpRequest, QuerySet[_M]], QuerySet[_M]] = import_string(
            conf.api_visible
        )
        return narrow(self.request, rows)

    def find(self, rows: QuerySet[_M], *, task: str, missing: Problem) -> tuple[_M, Caller]:
        """
        Return the one row of *rows*, and the caller; raise *missing* unless it may be seen.

        The caller is let in, or not, before anything is said of the row.
        """
        row = rows.first()
        caller = self.admit(_value(row, task) if row is not None and task else "")
        if row is None or not self.visible(rows, caller, task=task).exists():
            raise missing
        return row, caller


def _value(row: Any, path: str) -> str:
    for name in path.split("__"):
        row = getattr(row, name)
    return str(row)
