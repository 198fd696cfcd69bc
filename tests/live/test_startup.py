"""What a worker and a beat do where the project's settings are wrong."""

from __future__ import annotations

import os

import pytest

from tests.live.processes import Host

pytestmark = pytest.mark.live


@pytest.mark.parametrize("start", [Host.worker, Host.beat], ids=["worker", "beat"])
def test_nothing_starts_with_settings_that_cannot_be_read(tmp_path, start):
    """
    The process ends with exit code 2, having named each setting that is wrong.

    It would else seem alive, while each of its tasks fails.
    """
    (tmp_path / "wrong_settings.py").write_text(
        "from tests.host.settings import *\n"
        "RECURRING_JOBS = {'HEARTBEAT': 'often', 'RETENTIONS': {}}\n"
    )
    host = Host.on(tmp_path)
    host.env["PYTHONPATH"] += f"{os.pathsep}{tmp_path}"
    host.env["DJANGO_SETTINGS_MODULE"] = "wrong_settings"

    process = start(host)
    try:
        code = process.popen.wait(60)
    finally:
        host.stop_all()

    said = process.output()
    assert code == 2
    assert "RECURRING_JOBS['HEARTBEAT'] is 'often' (str). Give a timedelta." in said
    assert "RECURRING_JOBS['RETENTIONS'] is not a known key." in said
    assert "Traceback" not in said
