"""What django-celery-results keeps as text, read without running any of it, and redacted."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from recurring_jobs.admin import shown
from recurring_jobs.runs.arguments import redactor_for

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from recurring_jobs.models import Run

_KEY = re.compile(r"""['"]([^'"]{1,100})['"]\s*:""")


def result_shown(obj: Any) -> SafeString | str:
    """Return what was returned, without what is secret; what is not JSON is never read."""
    if obj.content_type != "application/json":
        return _("It is kept as %(type)s, which is not shown.") % {"type": obj.content_type}
    return shown.pretty_json(redactor_for().redact(decoded(obj.result)))


def decoded(text: str | None) -> Any:
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return text


def read_arguments(text: str | None) -> Any:
    """Return the arguments that *text* shows, as far as they are plain values; else the text."""
    found = decoded(text)
    if not isinstance(found, str):
        return found
    try:
        return ast.literal_eval(found)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return found


def arguments_text(text: str | None) -> str:
    """Return the arguments as the back end shows them, without what is secret."""
    redactor = redactor_for()
    found = read_arguments(text)
    if found is None:
        return ""
    if not isinstance(found, str):
        return shown.json_text(redactor.redact(found))
    if any(redactor.is_sensitive(key) for key in _KEY.findall(found)):
        return _("They hold what is secret among what cannot be read, so they are not shown.")
    return redactor.redact_text(found)


def short_id(task_id: str) -> str:
    """Return the beginning of an id, enough to tell rows apart by eye."""
    return task_id[:8]


def result_title(result: Any, run: Run | None) -> str:
    """Return what people call a task result: its task, and the beginning of its id."""
    return f"{name_of_task(result, run) or _('unknown task')}[{short_id(result.task_id)}]"


def name_of_task(result: Any, run: Run | None) -> str:
    """Return the name of the task of *result*, by its *run* where it does not say; or nothing."""
    return str(result.task_name or (run.task if run else ""))
