"""The example project as a stranger runs it: by its manage.py, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "example_project"


def manage(
    *arguments: str, var_dir: Path, timeout: float, **environment: str
) -> subprocess.CompletedProcess[str]:
    """
    Run ``manage.py *arguments*`` with everything it writes below *var_dir*.

    The services of whoever runs the tests are not passed on, but those in *environment*.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DATABASE_URL", "CELERY_BROKER_URL", "DEBUG", "EXAMPLE_API_TOKEN"}
    }
    own = {"DJANGO_SETTINGS_MODULE": "conf.settings", "EXAMPLE_VAR_DIR": str(var_dir)}
    return subprocess.run(
        [sys.executable, "-W", "default", str(EXAMPLE / "manage.py"), *arguments],
        env={**inherited, **own, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
