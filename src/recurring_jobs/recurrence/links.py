"""Many-to-many fields that occurrences have from their template: the links of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.db import models, router
from django.db.models.signals import m2m_changed

from recurring_jobs.recurrence.fields import AT_ONCE
from recurring_jobs.recurrence.layout import is_template_model, layout_of
from recurring_jobs.recurrence.portions import portions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from recurring_jobs.recurrence.layout import Layout
    from recurring_jobs.recurrence.planning import TemplatePlan

    #: Primary keys, as text and in order, by the name of the template's field.
    Links = dict[str, list[str]]

#: Where an instance keeps the links that were read for it.
_READ: Final = "_recurrence_links"


def read_links(layout: Layout, rows: Sequence[models.Model], using: str) -> None:
    """
    Read the links of *rows*, all of them templates or all occurrences.

    It takes a query for each field, and one more for each KEYS_AT_ONCE rows.
    """
    if not layout.linked or not rows:
        return
    found: dict[Any, Links] = {
        row.pk: {source.name: [] for source, _ in layout.linked} for row in rows
    }
    for name, field in _fields(layout, type(rows[0])).items():
        row_id, other_id = _columns(field)
        for some in portions(found):
            links = _through(field, using).filter(**{f"{row_id}__in": some})
            for pk, other in links.values_list(row_id, other_id):
                found[pk][name].append(str(other))
    for row in rows:
        keep_links(row, found[row.pk])


def links_of(row: models.Model) -> Links:
    """
    Return the links of *row*; they are read now where read_links() has not done so.
    """
    if _READ not in row.__dict__:
        layout = layout_of(type(row))
        read_links(layout, [row], row._state.db or router.db_for_read(type(row)))
    links: Links = row.__dict__.get(_READ, {})
    return links


def keep_links(row: models.Model, links: Mapping[str, Iterable[str]]) -> None:
    """
    Have links_of() answer *links* for *row*; nothing is stored.
    """
    row.__dict__[_READ] = {name: sorted(keys) for name, keys in links.items()}


def write_links(layout: Layout, plans: Sequence[TemplatePlan], using: str) -> None:
    """
    Give the rows that *plans* made or changed their links, in the caller's transaction.

    It takes one query to find the rows, and two for each field, as do some thousand rows.
    """
    if not layout.linked:
        return
    names = {source.name for source, _ in layout.linked}
    changed = {
        row.pk: links_of(row)
        for plan in plans
        for row, fields in plan.rows.update
        if not names.isdisjoint(fields)
    }
    wanted = {**changed, **_made(layout, plans, using)}
    for source, target in layout.linked:
        row_id, other_id = _columns(target)
        through = _through(target, using)
        for some in portions(changed):
            through.filter(**{f"{row_id}__in": some}).delete()
        through.bulk_create(
            through.model(**{row_id: pk, other_id: other})
            for pk, links in wanted.items()
            for other in links.get(source.name, ())
        )


def connect() -> None:
    """
    Have a template made due when its links change.
    """
    m2m_changed.connect(_make_due, dispatch_uid="recurring_jobs.recurrence.links")


def _made(layout: Layout, plans: Sequence[TemplatePlan], using: str) -> dict[Any, Links]:
    links = {
        (plan.template.pk, row.recurrence_id): links_of(plan.template)
        for plan in plans
        if plan.rows.insert and any(links_of(plan.template).values())
        for row in plan.rows.insert
    }
    if not links:
        return {}
    # By their key, as not every database tells the primary keys of the rows it made.
    rows = models.QuerySet[Any](layout.occurrence, using=using).filter(
        recurrence_parent__in={parent for parent, _ in links},
        recurrence_id__in={nominal for _, nominal in links},
    )
    return {
        pk: links[parent, nominal]
        for pk, parent, nominal in rows.values_list("pk", layout.parent.attname, "recurrence_id")
        if (parent, nominal) in links
    }


def _make_due(
    sender: type[models.Model], instance: Any, action: str, pk_set: Any, **kwargs: Any
) -> None:
    # Before a clear(): afterwards no one knows any more what was linked.
    if action not in ("post_add", "post_remove", "pre_clear"):
        return
    model: Any = sender._meta.auto_created
    if not isinstance(model, type) or not is_template_model(model):
        return
    fields: list[Any] = [source for source, _ in layout_of(model).linked]
    for source in fields:
        if source.remote_field.through is sender:
            using = kwargs["using"]
            templates: Any = [instance.pk]
            if kwargs["reverse"]:
                templates = pk_set or _linked_to(source, instance, using)
            models.QuerySet[Any](model, using=using).filter(
                pk__in=templates, recurrence_rule__isnull=False
            ).update(recurrence_due_at=AT_ONCE, recurrence_set_aside="")


def _linked_to(field: Any, other: models.Model, using: str) -> models.QuerySet[Any]:
    row_id, other_id = _columns(field)
    return _through(field, using).filter(**{other_id: other.pk}).values(row_id)


def _fields(layout: Layout, model: type[models.Model]) -> dict[str, Any]:
    is_template = model is layout.template
    return {source.name: source if is_template else target for source, target in layout.linked}


def _through(field: Any, using: str) -> models.QuerySet[Any]:
    return models.QuerySet(field.remote_field.through, using=using)


def _columns(field: Any) -> tuple[str, str]:
    return f"{field.m2m_field_name()}_id", f"{field.m2m_reverse_field_name()}_id"
