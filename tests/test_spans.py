"""OpenTelemetry: the span around a task says which run, attempt and fire it is."""

from __future__ import annotations

import pytest

from recurring_jobs import spans
from tests.host.tasks import add

sdk = pytest.importorskip("opentelemetry.sdk.trace")
FIRE = {
    "periodic_task_name": "nightly",
    "recurring_jobs_nominal": "2026-03-02T09:00:00+00:00",
    "recurring_jobs_kind": "scheduled",
    "recurring_jobs_stands_for": 2,
}


@pytest.mark.django_db
def test_the_current_span_knows_the_run():
    """Whoever looks at a trace finds the run in the admin, and the fire that it belongs to."""
    tracer = sdk.TracerProvider().get_tracer("tests")

    with tracer.start_as_current_span("run/host.add") as span:
        assert add.apply((1, 2), task_id="seven", headers=FIRE).result == 3

    assert dict(span.attributes) == {
        "recurring_jobs.run_id": "seven",
        "recurring_jobs.attempt": 1,
        "recurring_jobs.schedule": "nightly",
        "recurring_jobs.fire.kind": "scheduled",
        "recurring_jobs.fire.nominal_at": "2026-03-02T09:00:00+00:00",
        "recurring_jobs.fire.stands_for": 2,
    }


def test_nothing_is_told_where_nobody_traces(monkeypatch):
    """Without a span, and without the library."""
    assert not spans.is_traced()
    monkeypatch.setattr(spans, "trace", None)
    assert not spans.is_traced()
