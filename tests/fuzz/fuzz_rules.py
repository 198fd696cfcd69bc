"""
Random texts as rules, guided by coverage, until one breaks a promise.

``script/fuzz`` runs it; arguments go to libFuzzer.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["recurring_jobs"]):
    from tests.fuzz.questions import check

if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
