"""Dashboard and alert rules: Prometheus reads them, and what they ask for exists."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from recurring_jobs.metrics import metrics_text
from recurring_jobs.models import Beat
from recurring_jobs.tallies import ATTEMPT_SECONDS, count, observe
from tests.admin.rows import make_letter, make_schedule
from tests.deploy.tools import DEPLOY, run_tool

RULES = DEPLOY / "prometheus" / "recurring_jobs.rules.yml"
DASHBOARD = DEPLOY / "grafana" / "recurring_jobs.json"


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def queries() -> list[str]:
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    return asked + [rule["expr"] for rule in rules()]


@pytest.mark.django_db(transaction=True)
def test_each_figure_that_is_asked_for_exists_with_its_labels():
    """Dashboard and rules name no metric and no label that the page does not have."""
    now = timezone.now()
    Beat.objects.create(name="web-1:7", started_at=now, ticked_at=now)
    make_schedule(taken_count=1)
    make_letter()
    count("runs", "shop.pay", "failed")
    observe(ATTEMPT_SECONDS, [2], subject="shop.pay")
    labels = {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(metrics_text()[0].decode())
        for sample in family.samples
    }

    for query in queries():
        for name, matchers in re.findall(r"(recurring_jobs_\w+)(\{[^}]*\})?", query):
            assert name in labels, query
            assert set(re.findall(r"(\w+)=", matchers)) <= labels[name], query
        known = set().union(*(labels[name] for name in re.findall(r"recurring_jobs_\w+", query)))
        for group in re.findall(r"by \((\w+)\)", query):
            assert group in known, query


def test_every_figure_is_shown():
    """The dashboard leaves no family out but what only says that there is one."""
    source = (DEPLOY.parents[1] / "src/recurring_jobs/metrics.py").read_text()
    named = set(re.findall(r'"(recurring_jobs_\w+)"', source))
    shown = " ".join(queries())

    assert len(named) > 15
    left_out = {name for name in named if not re.search(rf"{name}(_total|_bucket)?\b", shown)}
    assert left_out == {"recurring_jobs_schedules"}


def test_every_figure_is_on_its_page():
    """docs/reference/metrics.md has a line for each, and none for what is not."""
    source = (DEPLOY.parents[1] / "src/recurring_jobs/metrics.py").read_text()
    page = (DEPLOY.parents[1] / "docs/reference/metrics.md").read_text()
    named = set(re.findall(r'"(recurring_jobs_\w+)"', source))

    told = set(re.findall(r"^\| `(recurring_jobs_\w+)`", page, re.M))

    assert {name.removesuffix("_total") for name in told} == named


def test_panels_do_not_overlap():
    """Each panel has a place of its own on a grid of 24 columns."""
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_each_alert_says_what_to_do():
    """Each rule has a severity, a summary and a description."""
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert set(rule["annotations"]) == {"summary", "description"}


def test_prometheus_takes_the_rules():
    """promtool finds no fault in the rules."""
    run_tool("PROMTOOL", "promtool", "check", "rules", str(RULES))


def test_alerts_are_raised_when_they_should():
    """promtool plays series through the rules: quiet where all is well, loud where not."""
    tests = RULES.with_suffix(".test.yml")

    run_tool("PROMTOOL", "promtool", "test", "rules", str(tests))


def test_prometheus_takes_the_configuration(tmp_path):
    """promtool finds no fault in how the page is read."""
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
    (tmp_path / "prometheus.yml").write_text(text.replace("/etc/prometheus", str(tmp_path)))
    (tmp_path / "recurring_jobs.token").write_text("x")
    (tmp_path / RULES.name).write_bytes(RULES.read_bytes())

    run_tool("PROMTOOL", "promtool", "check", "config", str(tmp_path / "prometheus.yml"))


def test_prometheus_can_read_each_query_of_the_dashboard(tmp_path):
    """Each query is PromQL."""
    recorded = [
        {"record": f"query:{number}", "expr": query} for number, query in enumerate(queries())
    ]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": recorded}]}))

    run_tool("PROMTOOL", "promtool", "check", "rules", str(path))
