"""Puts our pages in the place of those that django-celery-beat and -results bring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.sites import all_sites
from django.core.checks import CheckMessage, Warning, register  # noqa: A004  Django's name

if TYPE_CHECKING:
    from django.db.models import Model

#: What takes the place of what, by model; ``replaces`` fills it.
REPLACEMENTS: dict[type[Model], tuple[type[Any], type[Any]]] = {}


def replaces(model: type[Model], stock: type[Any]) -> Any:
    """Register the class below as the page of *model* where *stock* is, and nowhere else."""

    def decorate(ours: type[Any]) -> type[Any]:
        REPLACEMENTS[model] = (stock, ours)
        replace_stock_admin(admin.site, model)
        return ours

    return decorate


def replace_stock_admin(site: admin.AdminSite, model: type[Model]) -> None:
    """Put ours in the place of the stock page of *model* in *site*; a host's own stays."""
    stock, ours = REPLACEMENTS[model]
    if site.is_registered(model) and type(site.get_model_admin(model)) is stock:
        site.unregister(model)
        site.register(model, ours)


def stock_pages() -> list[tuple[str, str, str]]:
    """Return site, model and our class for each stock page that is registered somewhere."""
    return sorted(
        (site.name, model._meta.label, ours.__name__)
        for site in all_sites
        for model, (stock, ours) in REPLACEMENTS.items()
        if site.is_registered(model) and type(site.get_model_admin(model)) is stock
    )


@register("recurring_jobs")
def stock_pages_are_replaced(**_: Any) -> list[CheckMessage]:
    """W015."""
    return [
        Warning(
            f"The admin site {site!r} has the page of {model} as its package brings it: it shows"
            " arguments, and lets people run and disable tasks who may only look.",
            hint="Register the class of recurring_jobs.admin for it: "
            f"site.register({model.rpartition('.')[2]}, {ours})",
            id="recurring_jobs.W015",
        )
        for site, model, ours in stock_pages()
    ]
