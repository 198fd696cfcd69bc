"""The piece of the overview that says what waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth import get_permission_codename
from django.urls import NoReverseMatch, reverse
from django.utils.translation import ngettext, ngettext_lazy

from recurring_jobs.inspection.liveness import templates_set_aside
from recurring_jobs.inspection.liveness import troubles as found_troubles
from recurring_jobs.recurrence.occurrences import recurring_models

if TYPE_CHECKING:
    from django.db.models import Model

    from recurring_jobs.admin.overview_view import View

#: What each trouble is called, and the list that shows it.
_TROUBLES: Final[dict[str, tuple[Any, str, str]]] = {
    "overdue": (
        ngettext_lazy("%(count)d schedule is overdue", "%(count)d schedules are overdue", "count"),
        "schedule",
        "state=enabled&o=4",
    ),
    "set_aside": (
        ngettext_lazy(
            "%(count)d schedule cannot be read", "%(count)d schedules cannot be read", "count"
        ),
        "schedule",
        "state=set_aside",
    ),
    "stuck": (
        ngettext_lazy("%(count)d run is stuck", "%(count)d runs are stuck", "count"),
        "run",
        "state__exact=running",
    ),
    "dead_letters": (
        ngettext_lazy(
            "%(count)d dead letter waits for a person",
            "%(count)d dead letters wait for a person",
            "count",
        ),
        "deadletter",
        "state__exact=open",
    ),
    "missed": (
        ngettext_lazy(
            "%(count)d fire was missed in a day", "%(count)d fires were missed in a day", "count"
        ),
        "fire",
        "state__exact=missed",
    ),
    "refused": (
        ngettext_lazy(
            "%(count)d fire could not be sent in a day",
            "%(count)d fires could not be sent in a day",
            "count",
        ),
        "fire",
        "state__exact=refused",
    ),
}


def troubles(view: View) -> dict[str, Any]:
    rows = []
    for trouble in found_troubles(view.now):
        words, model, query = _TROUBLES[trouble.name]
        if view.may_see(f"view_{model}"):
            url = view.list_url(model, query)
            rows.append({"words": words % {"count": trouble.count}, "url": url})
    rows += [
        {"words": _set_aside(model, count), "url": _set_aside_url(view, model)}
        for model, count in templates_set_aside(_visible_templates(view)).items()
    ]
    return {"troubles": rows}


def _visible_templates(view: View) -> list[type[Model]]:
    user = view.request.user

    def may_view(model: type[Model]) -> bool:
        opts = model._meta
        codenames = (get_permission_codename(verb, opts) for verb in ("view", "change"))
        return any(user.has_perm(f"{opts.app_label}.{codename}") for codename in codenames)

    return [model for model in recurring_models() if may_view(model)]


def _set_aside(model: type[Model], count: int) -> str:
    text = ngettext(
        "%(count)d template of %(models)s was set aside",
        "%(count)d templates of %(models)s were set aside",
        count,
    )
    return text % {"count": count, "models": model._meta.verbose_name_plural}


def _set_aside_url(view: View, model: type[Model]) -> str:
    prefix = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    try:
        # Only a page of ours has this address, and the filter.
        reverse(f"{prefix}_recurrence_preview", current_app=view.site)
        url = reverse(f"{prefix}_changelist", current_app=view.site)
    except NoReverseMatch:
        return ""
    return f"{url}?recurrence=set_aside"
