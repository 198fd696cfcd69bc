"""What the current span of OpenTelemetry is told of a run, where that library is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

trace: Any
try:
    from opentelemetry import trace
except ImportError:
    trace = None


def is_traced() -> bool:
    """Return whether there is a span that wants to be told something."""
    return trace is not None and trace.get_current_span().is_recording()


def tell_span(facts: Mapping[str, str | int | float | bool]) -> None:
    """
    Set ``recurring_jobs.<name>`` for each of *facts* on the current span; see ``is_traced``.

    Spans themselves are made by the instrumentation of Celery,
    ``opentelemetry-instrumentation-celery``.
    """
    named = {f"recurring_jobs.{name}": value for name, value in facts.items()}
    trace.get_current_span().set_attributes(named)
