"""The header Idempotency-Key: a request that is sent twice is done once."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from django.http import HttpResponse

from recurring_jobs.api.bodies import read_bytes
from recurring_jobs.api.problems import Problem
from recurring_jobs.runs import kept_answers

if TYPE_CHECKING:
    from collections.abc import Callable

    from recurring_jobs.api.access import Caller
    from recurring_jobs.api.calls import Call
    from recurring_jobs.runs.kept_answers import KeptAnswer

HEADER: Final = "Idempotency-Key"
LONGEST_KEY: Final = 255
#: ASCII without spaces, which servers take away at the ends of a header.
KEY_PATTERN: Final = "^[!-~]+$"
_KEY: Final = re.compile(rf"[!-~]{{1,{LONGEST_KEY}}}")
#: On an answer that was kept, and is told again.
REPLAYED: Final = "Idempotent-Replayed"


def once(
    call: Call, caller: Caller, act: Callable[[str], HttpResponse], *, may_resume: bool
) -> HttpResponse:
    """
    Return what *act* answers, or what it answered the caller's first request of this key.

    It is given the id for a run that it may make, the same when it is called again for one
    request: with *may_resume* it is, where the process of the first died before it answered.
    Only answers of success are kept. Raise Problem where the first is still under way, or
    was another request.
    """
    key = call.request.headers.get(HEADER)
    if key is None:
        return act(str(uuid4()))
    _check(key)
    fingerprint = _digest(call.request.method or "", call.request.path, read_bytes(call.request))
    kept, is_first = kept_answers.claim(_digest(caller.id, key), fingerprint)
    if kept is None:
        raise _under_way()
    if not is_first:
        if kept.fingerprint != fingerprint:
            detail = "This key was sent with another request. Take a new key for a new request."
            raise Problem("key-reused", detail)
        if kept.status is not None:
            return _replayed(kept)
        if not may_resume or not kept.take_over():
            raise _under_way()
    return _kept(kept, act)


def _kept(kept: KeptAnswer, act: Callable[[str], HttpResponse]) -> HttpResponse:
    try:
        answer = act(kept.run_id)
    except Problem:
        kept.release()
        raise
    location = answer.headers.get("Location", "")
    kept.keep(status=answer.status_code, body=answer.content.decode(), location=location)
    return answer


def _replayed(kept: KeptAnswer) -> HttpResponse:
    headers = {REPLAYED: "true"} | ({"Location": kept.location} if kept.location else {})
    return HttpResponse(
        kept.body, status=kept.status, headers=headers, content_type="application/json"
    )


def _check(key: str) -> None:
    if not _KEY.fullmatch(key):
        detail = f"{HEADER!r} must be 1 to {LONGEST_KEY} letters, digits or signs, such as a UUID."
        raise Problem("invalid-argument", detail, argument=HEADER)


def _under_way() -> Problem:
    detail = "The first request of this key is under way, or did not come to its end."
    return Problem("key-in-use", detail, headers={"Retry-After": "1"})


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(b"%d:%s" % (len(data), data))
    return digest.hexdigest()
