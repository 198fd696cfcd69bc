"""The fuzzer has an environment of its own; collecting it would need atheris."""

from __future__ import annotations

collect_ignore = ["fuzz.py"]
