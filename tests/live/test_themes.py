"""The admin pages beside the themes that people use."""

from __future__ import annotations

import json

import pytest

from tests.live.processes import Host

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

OPEN = """
import json
from django.contrib.auth import get_user_model
from django.test import Client
from tests.live.admin_rows import make_questions, make_rows
browser = Client()
browser.force_login(get_user_model().objects.create_superuser("boss"))
answers = {name: browser.get(path) for name, path in make_rows().items()}
answers |= {name: browser.post(path) for name, path in make_questions().items()}
print(json.dumps({name: [a.status_code, a.content.decode()] for name, a in answers.items()}))
"""

#: What has to be on a page, whatever the theme does with the rest of it.
OURS = {
    "index": ["recurring-jobs-overview", "recurring-jobs-timeline", "recurring_jobs/overview.js"],
    "schedules": ["nightly report", "recurring_jobs/admin.css"],
    "schedule": ["recurring-jobs-tool-pause", "recurring-jobs-tool-run_now"],
    "dead-letter": ["recurring-jobs-tool-requeue"],
    "dead-letters": ["recurring-jobs-letter-groups"],
    "run": ["recurring-jobs-tool-send_again"],
    "result": ["recurring-jobs-tool-send_again"],
    "periodic-task": ["recurring-jobs-preview", "recurring_jobs/preview.js"],
    "cancel": ["recurring-jobs-confirm", 'name="kill"'],
    "send-again": ["recurring-jobs-confirm", 'name="once"'],
    "send-result-again": ["recurring-jobs-confirm", 'name="once"'],
    "todo": ["recurring-jobs-tool-end", "recurring-jobs-month", "recurring_jobs/preview.js"],
}


@pytest.mark.parametrize("theme", ["unfold", "jazzmin", "grappelli"])
def test_every_page_opens_beside_a_theme(tmp_path, theme):
    """Each page answers, and what is ours is on it: pieces, buttons, calendar, scripts."""
    pytest.importorskip(theme, reason=f"{theme} is not installed: pip install --group themes")
    host = Host.on(tmp_path)
    host.env["DJANGO_SETTINGS_MODULE"] = f"tests.host.themes.{theme}"
    host.manage("migrate", "-v", "0")

    pages = json.loads(host.python(OPEN, seconds=120).splitlines()[-1])

    assert {name: status for name, (status, _) in pages.items() if status != 200} == {}
    missing = {
        name: [mark for mark in marks if mark not in pages[name][1]] for name, marks in OURS.items()
    }
    assert {name: marks for name, marks in missing.items() if marks} == {}
