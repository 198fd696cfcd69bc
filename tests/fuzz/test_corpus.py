"""What fuzzing starts from, among it everything that it found a fault with."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

QUESTIONS = {
    "rules": "rule_questions",
    "triggers": "trigger_questions",
    "settings": "settings_questions",
    "bodies": "body_questions",
}
CORPUS = sorted((Path(__file__).parent / "corpus").glob("*/*"))


@pytest.mark.django_db
@pytest.mark.parametrize("path", CORPUS, ids=[f"{each.parent.name}-{each.name}" for each in CORPUS])
def test_it_keeps_the_promises(path, jobs_worker):
    """All that can be asked gets an answer or our error, in time."""
    questions = import_module(f"tests.fuzz.{QUESTIONS[path.parent.name]}")
    if path.parent.name == "bodies":
        questions.places.cache_clear()
        questions.caller.cache_clear()

    questions.check(path.read_bytes())


def test_corpus_is_there():
    """There is something to start from on every subject."""
    assert {path.parent.name for path in CORPUS} == set(QUESTIONS)
    assert len(CORPUS) > 20
