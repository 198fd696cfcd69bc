"""The files of example_project/deploy, and the tools that they are for."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).resolve().parents[2] / "example_project" / "deploy"


def run_tool(variable: str, name: str, *arguments: str, given: bytes = b"") -> None:
    """
    Run the tool *name*, found by *variable* or on the path; fail with what it says.

    Skip the test where it is not installed, or fail it where CI is set.
    """
    tool = os.environ.get(variable) or shutil.which(name)
    if not tool:
        absent = f"{variable} is not set. With {name}: {variable}=/usr/bin/{name}"
        if os.environ.get("CI"):
            pytest.fail(f"CI is set and {absent}", pytrace=False)
        pytest.skip(absent)
    done = subprocess.run(
        [tool, *arguments], input=given, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
