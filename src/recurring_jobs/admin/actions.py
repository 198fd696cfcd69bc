# ruff: noqa: ARG002  subclasses need them
"""What a person can do to a row, as one class each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from django.forms import Form
    from django.http import HttpRequest


class ObjectAction:
    """
    One thing to do to a row, offered on its page and, for several rows, on the list.

    A subclass says what it is called and does it in ``perform``. Who may is asked of the
    admin class: ``has_<permission>_permission(request)``.
    """

    name: ClassVar[str]
    permission: ClassVar[str]
    label: ClassVar[Any]
    bulk_label: ClassVar[Any]
    needs_confirmation: ClassVar[bool] = True
    #: Whether it cannot do with a row that it does not apply to; else it says itself why not.
    is_strict: ClassVar[bool] = False
    is_for_many: ClassVar[bool] = True

    def applies_to(self, obj: Any) -> bool:
        """Return whether the action makes sense for *obj* as it is now."""
        return True

    def question(self, count: int) -> str:
        """Return what to ask before *count* rows are acted on."""
        raise NotImplementedError

    def title_of(self, obj: Any) -> Any:
        """Return how *obj* is named where a person is asked about it."""
        return str(obj)

    def notice(self, obj: Any) -> str:
        """Return what a person should know before acting on *obj*, or an empty text."""
        return ""

    def form(self, request: HttpRequest, obj: Any, data: Any = None) -> Form | None:
        """Return the form to show with the question for one row, or None."""
        return None

    def form_for_many(self, request: HttpRequest, data: Any = None) -> Form | None:
        """Return the form to show with the question for several rows, or None."""
        return None

    def preview(self, obj: Any, options: dict[str, Any]) -> str:
        """
        Return what is shown, and has to be agreed to, before acting on *obj* with *options*.

        Nothing is shown for an empty text. Raise RecurringJobsError when it cannot be done.
        """
        return ""

    def perform(self, request: HttpRequest, obj: Any, options: dict[str, Any]) -> str:
        """
        Act on *obj* and return the sentence for the person and for the record.

        *options* is the cleaned data of the form. Raise RecurringJobsError when it cannot
        be done; its text is shown.
        """
        raise NotImplementedError

    def summary(self, count: int) -> str:
        """Return what to say after *count* rows were acted on."""
        raise NotImplementedError

    def leads_to(self, obj: Any) -> Any:
        """Return the row whose page to show after acting on *obj*."""
        return obj
