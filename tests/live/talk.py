"""Runs a script whose path is its argument: ``python -m tests.live.talk script.py``."""

from __future__ import annotations

import runpy
import sys

runpy.run_path(sys.argv[1])
