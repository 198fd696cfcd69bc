"""The texts that fuzzing starts from, among them every one that it found a fault with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.questions import check

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


@pytest.mark.parametrize("path", CORPUS, ids=[path.name for path in CORPUS])
def test_text_keeps_the_promises(path):
    """All that can be asked of it gets an answer or our error, in time."""
    check(path.read_bytes())


def test_corpus_is_there():
    """There are texts to start from."""
    assert len(CORPUS) > 10
