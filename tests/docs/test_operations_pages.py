"""The code on the pages about alerts and figures does what the pages say."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import prometheus_client
import pytest

from recurring_jobs.alerts import mail_admins, raise_alert
from recurring_jobs.signals import alert_raised, run_succeeded
from tests.docs.examples import DOCS
from tests.host.tasks import add

if TYPE_CHECKING:
    from django.apps import AppConfig


def blocks(page: str) -> list[str]:
    """Return the Python of *page*, block by block."""
    return re.findall(r"^```python\n(.*?)^```$", (DOCS / page).read_text(), re.M | re.S)


@pytest.mark.django_db
def test_admins_are_mailed_by_an_app_that_connects(admins, mailoutbox):
    """how-to/alerts.md: the app config of the page has alerts mailed."""
    names: dict[str, Any] = {"__name__": "page"}
    exec(blocks("how-to/alerts.md")[0], names)
    config: type[AppConfig] = names["TodoConfig"]
    config.ready(None)  # type: ignore[arg-type]  # it does not look at itself
    try:
        raise_alert("stock", "shop.Item", "Item 7 has run out.")
    finally:
        alert_raised.disconnect(mail_admins)

    assert [each.body for each in mailoutbox] == ["Item 7 has run out."]


@pytest.mark.django_db
def test_a_chat_is_told():
    """how-to/alerts.md: a receiver of the project's own."""
    posted: list[str] = []
    names: dict[str, Any] = {"chat": SimpleNamespace(post=posted.append)}
    exec(blocks("how-to/alerts.md")[1], names)
    try:
        raise_alert("stock", "shop.Item", "Item 7 has run out.")
    finally:
        alert_raised.disconnect(names["tell_the_chat"])

    assert posted == ["stock: Item 7 has run out."]


@pytest.mark.django_db
def test_figures_join_those_of_a_project(monkeypatch):
    """reference/metrics.md: the registry of a project tells ours, too."""
    registry = prometheus_client.CollectorRegistry()
    monkeypatch.setattr(prometheus_client, "REGISTRY", registry)

    exec(blocks("reference/metrics.md")[1], {})

    assert registry.get_sample_value("recurring_jobs_up") == 1


@pytest.mark.django_db
def test_a_task_that_is_not_kept_is_observed(monkeypatch):
    """reference/metrics.md: a histogram of the process, by a signal."""
    registry = prometheus_client.CollectorRegistry()
    made = prometheus_client.Histogram
    monkeypatch.setattr(
        prometheus_client, "Histogram", lambda *given: made(*given, registry=registry)
    )
    names: dict[str, Any] = {}
    exec(blocks("reference/metrics.md")[2], names)
    try:
        add.apply((1, 2))
    finally:
        run_succeeded.disconnect(names["observe"])

    count = registry.get_sample_value("shop_task_duration_seconds_count", {"task": "host.add"})
    assert count == 1
