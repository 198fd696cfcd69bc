"""
Random bytes, guided by coverage, until one breaks a promise.

``script/fuzz`` runs it: ``fuzz.py rules|triggers|settings|bodies`` and what libFuzzer takes.
"""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module

import atheris

SUBJECTS = {
    "rules": "tests.fuzz.rule_questions",
    "triggers": "tests.fuzz.trigger_questions",
    "settings": "tests.fuzz.settings_questions",
    "bodies": "tests.fuzz.body_questions",
}

if __name__ == "__main__":
    subject = sys.argv.pop(1)
    needs_django = subject in {"settings", "bodies"}
    if needs_django:
        import django

        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.host.settings"
        with atheris.instrument_imports(include=["recurring_jobs"]):
            django.setup()
    with atheris.instrument_imports(include=["recurring_jobs"]):
        questions = import_module(SUBJECTS[subject])
    if needs_django:
        from django.test.utils import setup_databases, setup_test_environment

        logging.disable(logging.CRITICAL)  # a line for each refusal
        setup_test_environment()
        setup_databases(verbosity=0, interactive=False)
    atheris.Setup(sys.argv, questions.check)
    atheris.Fuzz()
