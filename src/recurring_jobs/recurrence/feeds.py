"""A calendar to subscribe to: rows as events, for those whom the host lets in."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from datetime import UTC, datetime, time, timedelta
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.signing import BadSignature, Signer
from django.http import FileResponse, Http404, HttpResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.http import http_date
from django.utils.text import slugify
from django.views.generic import View

from recurring_jobs.exceptions import UnknownTimeZoneError
from recurring_jobs.recurrence.calendar import (
    CALENDAR_END,
    PAST,
    CalendarEntry,
    CalendarWriter,
    calendar_head,
    occurrences_for,
    plain_entry,
)
from recurring_jobs.recurrence.layout import is_one_table_model
from recurring_jobs.recurrence.options import has_field
from recurring_jobs.recurrence.vtimezones import vtimezone
from recurring_jobs.recurrence.zones import zone_named

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db.models import QuerySet
    from django.http import HttpRequest

#: A longer calendar is kept on disk while it is sent.
MOST_IN_MEMORY: Final = 1 << 20

#: The media type of RFC 5545.
CONTENT_TYPE: Final = "text/calendar; charset=utf-8"

_SALT: Final = "recurring_jobs.recurrence.feeds"
_SEPARATOR: Final = "."


def feed_token(user: AbstractBaseUser) -> str:
    """
    Return the secret that stands for *user* in the address of a feed.

    It does not end by itself, since calendar programs ask for years; it ends when the user
    is deactivated or the password changes.
    """
    return _signer(user.get_session_auth_hash()).sign(str(user.pk))


def subscriber_of(token: str) -> AbstractBaseUser | None:
    """
    Return the active user whom *token* was made for, or None.
    """
    try:
        user = get_user_model()._default_manager.get(pk=token.rpartition(_SEPARATOR)[0])
    except (get_user_model().DoesNotExist, ValidationError, ValueError, OverflowError):
        return None
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    is_theirs = any(_is_signed(token, each) for each in hashes)
    return user if is_theirs and user.is_active else None


class RecurrenceFeedView(View):
    """
    Answer with a calendar of rows, for programs that subscribe to its address.

    A host says whose rows, and what is shown of each::

        class TaskFeed(RecurrenceFeedView):
            name = "Tasks"

            def get_queryset(self):
                return Task.objects.filter(owner=self.subscriber)

            def entry(self, row):
                return CalendarEntry(summary=row.title, url=…)


        path("feeds/<str:token>.ics", TaskFeed.as_view(), name="task-feed")

    Calendar programs cannot log in, so the address holds the secret of feed_token(). Whoever
    has none that is valid is told that there is no such page. Templates come with their
    occurrences as in to_ics(), other rows as they are. The answer has an ETag made from all
    its content, and a program that has this content already is answered with 304.
    """

    http_method_names = ["get", "head", "options"]

    #: What the calendar is called.
    name: str = ""
    #: How often programs should ask again.
    refresh: timedelta = timedelta(hours=1)
    #: How long rows that have begun stay in it.
    past: timedelta = PAST
    #: What makes UIDs unique in the world; empty: the host name that was asked for. Set it
    #: where the site answers to several names.
    domain: str = ""
    #: How many templates are read at a time, with their occurrences.
    batch_size: int = 200

    #: The user whose token the address holds; None without a valid one.
    subscriber: AbstractBaseUser | None = None

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.subscriber = subscriber_of(str(kwargs.get("token", "")))

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # noqa: ARG002  Django's signature
        if not self.has_access():
            raise Http404
        modified = self.last_modified()
        stamp = None if modified is None else int(modified.timestamp())
        answer = None if stamp is None else get_conditional_response(request, last_modified=stamp)
        if answer is None:
            answer = self._answer(request, stamp)
        patch_cache_control(answer, private=True, no_cache=True)
        return answer

    def has_access(self) -> bool:
        """
        Return whether the request may have the calendar: by default with a valid token.
        """
        return self.subscriber is not None

    def get_queryset(self) -> QuerySet[Any]:
        """
        Return the templates and other rows to show, of one model. To be overridden.

        Occurrences among them are left out, since they come with their templates.
        """
        message = f"{type(self).__name__} needs get_queryset(). Return the rows to show."
        raise ImproperlyConfigured(message)

    def get_occurrences(self, model: type[Any], using: str) -> QuerySet[Any] | None:
        """
        Return the occurrences to show, as far as their template is shown: by default all.

        A hook: what it leaves out is left out of the calendar, as if it were deleted.
        """
        return occurrences_for(model, using)

    def entry(self, row: Any) -> CalendarEntry:
        """
        Return what is shown of *row*, a template or an occurrence: by default its ``str()``.
        """
        return plain_entry(row)

    def last_modified(self) -> datetime | None:
        """
        Return when anything in the calendar last changed, or None where that is not known.

        A hook for hosts that know it without reading the rows, deletions included. A
        program that has a later state is then answered without building the calendar.
        """
        return None

    def _answer(self, request: HttpRequest, stamp: int | None) -> HttpResponse:
        with ExitStack() as opened:
            content: Any = opened.enter_context(SpooledTemporaryFile(max_size=MOST_IN_MEMORY))
            digest = hashlib.sha256()
            for piece in self._pieces(request):
                digest.update(piece)
                content.write(piece)
            tag, is_long = f'"{digest.hexdigest()}"', content.tell() > MOST_IN_MEMORY
            content.seek(0)
            answer = self._file(content) if is_long else self._text(content.read())
            answer.headers["ETag"] = tag
            if stamp is not None:
                answer.headers["Last-Modified"] = http_date(stamp)
            final = get_conditional_response(request, tag, stamp, answer)
            if final is answer and is_long:
                opened.pop_all()  # the answer closes it, when it has been sent
        return final or answer

    def _text(self, content: bytes) -> HttpResponse:
        headers = {"Content-Disposition": f'inline; filename="{self._filename}"'}
        return HttpResponse(content, content_type=CONTENT_TYPE, headers=headers)

    def _file(self, content: Any) -> Any:
        return FileResponse(content, content_type=CONTENT_TYPE, filename=self._filename)

    @property
    def _filename(self) -> str:
        return f"{slugify(self.name) or 'calendar'}.ics"

    def _pieces(self, request: HttpRequest) -> Iterator[bytes]:
        now = timezone.now()
        # Whole days, so that the same rows give the same bytes until the day ends.
        today = datetime.combine(now.astimezone(UTC), time.min, UTC)
        domain = self.domain or urlsplit(f"//{request.get_host()}").hostname or ""
        writer = CalendarWriter(self.entry, domain, now, today - self.past, revised_at=today)
        rows = self.get_queryset().order_by("pk")
        if is_one_table_model(rows.model):
            rows = rows.filter(recurrence_parent__isnull=True)
        yield calendar_head(self.name, self.refresh)
        for zone in _zones_of(rows):
            yield vtimezone(zone, now)
        occurrences = self.get_occurrences(rows.model, rows.db)
        for page in _pages(rows.filter(writer.is_told(rows.model)), self.batch_size):
            yield from writer.events(page, occurrences)
        yield CALENDAR_END


def _zones_of(rows: QuerySet[Any]) -> Iterator[ZoneInfo]:
    if not has_field(rows.model, "recurrence_rule"):
        return
    templates = rows.filter(recurrence_rule__isnull=False).order_by()
    for name in sorted(set(templates.values_list("recurrence_timezone", flat=True).distinct())):
        try:
            yield zone_named(name)
        except UnknownTimeZoneError:
            continue  # the generator has set its templates aside, and none is told in it


def _pages(rows: QuerySet[Any], size: int) -> Iterator[list[Any]]:
    page = list(rows[:size])
    while page:
        yield page
        page = list(rows.filter(pk__gt=page[-1].pk)[:size])


def _signer(auth_hash: str) -> Signer:
    return Signer(sep=_SEPARATOR, salt=f"{_SALT}.{auth_hash}")


def _is_signed(token: str, auth_hash: str) -> bool:
    try:
        _signer(auth_hash).unsign(token)
    except BadSignature:
        return False
    return True
