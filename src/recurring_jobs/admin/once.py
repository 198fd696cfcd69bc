"""
A form that is sent twice is done once: by a double click, by "back", or by a reload.

Each question carries a token, and so does each form that acts without a question. What is
sent with it acts once: the primary key of a row says so, also of two at once. Other answers
to the same question, such as other arguments, are another form.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.http import HttpResponseRedirect
from django.utils.translation import gettext as _

from recurring_jobs.runs import kept_answers

if TYPE_CHECKING:
    from django.http import HttpRequest

    from recurring_jobs.runs.kept_answers import KeptAnswer

#: The field of the form that carries the token.
FIELD: Final = "once"
_FINGERPRINT: Final = "admin"
_NOT_TYPED: Final = {"csrfmiddlewaretoken"}
_FOUND: Final = 302


def new_token() -> str:
    """Return the token of a question that is asked now."""
    return uuid4().hex


def with_token(form: type[forms.Form]) -> type[forms.Form]:
    """Return *form*, which offers the actions of a list, with a token."""
    field = forms.CharField(required=False, label="", initial=new_token, widget=forms.HiddenInput)
    return cast("type[forms.Form]", type(form.__name__, (form,), {FIELD: field}))


class Sending:
    """
    The form of one request, which acts unless the same form has acted before.

    A form without a token, such as that of a script, counts each time.
    """

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._row: KeptAnswer | None = None
        self._id = _id_of(request)

    def answer_before(self, otherwise: str) -> HttpResponseRedirect | None:
        """
        Return the answer where the form was sent before, and else None.

        It tells what was done then and leads to where that led, or while it is under way
        to *otherwise*.
        """
        row = kept_answers.find(self._id) if self._id else None
        return None if row is None else self._answer(row, otherwise)

    def begin(self, otherwise: str) -> HttpResponseRedirect | None:
        """Use the token up; return the answer where that was done before, and else None."""
        if not self._id:
            return None
        row, is_first = kept_answers.claim(self._id, _FINGERPRINT)
        if not is_first:
            return self._answer(row, otherwise)
        self._row = row
        return None

    def done(self, sentence: str, url: str) -> None:
        """Keep what was done, to tell it whoever sends the form once more."""
        if self._row is not None:
            self._row.keep(status=_FOUND, body=sentence, location=url)

    def refused(self) -> None:
        """Nothing was done: the form may be sent again."""
        if self._row is not None:
            self._row.release()

    def _answer(self, row: KeptAnswer | None, otherwise: str) -> HttpResponseRedirect:
        if row is None or row.status is None:
            text = _(
                "This form was sent twice. The first is under way, or did not come to its end."
            )
            messages.warning(self._request, text)
            return HttpResponseRedirect(otherwise)
        text = _("This form was sent twice. It was done once: %(sentence)s")
        messages.info(self._request, text % {"sentence": row.body})
        return HttpResponseRedirect(row.location)


def _id_of(request: HttpRequest) -> str:
    if not request.POST.get(FIELD):
        return ""
    user: Any = request.user
    typed = {name: values for name, values in request.POST.lists() if name not in _NOT_TYPED}
    parts = [str(user.pk), request.path, sorted(typed.items())]
    return sha256(json.dumps(parts).encode()).hexdigest()
