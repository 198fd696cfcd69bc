"""An empty folder, in which a page is typed as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.docs.examples import DOCS

if TYPE_CHECKING:
    from pathlib import Path

#: A file to write, what is appended to one included, or commands.
_STEP = re.compile(
    r"(At the end of|Add to|[Ii]n) `([\w/.]+)`[^\n]*:\n\n```(?:python|ini)\n(.*?)^```$"
    r"|^```console\n(.*?)^```$",
    re.M | re.S,
)
#: What a person does at a terminal or a browser, or what needs the network.
_LEFT_OUT = re.compile(r"pip install|venv|createsuperuser|runserver|recurring_jobs dev|celery -A")


class Project:
    """What a reader has in front of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = DOCS.parent / "src"
        self.printed: dict[str, str] = {}

    def follow(self, page: str) -> None:
        """Write each file of *page* and type each command, in order."""
        for how, path, code, console in _STEP.findall((DOCS / page).read_text(encoding="utf-8")):
            if path:
                self.write(path, code, append=how in {"At the end of", "Add to"})
            self.type_all(console)

    def type_all(self, console: str) -> None:
        """Type the commands of a block of a page, but for those that a test cannot."""
        for each in re.findall(r"^\$ (.*)", console, re.M):
            if not _LEFT_OUT.search(each):
                self.printed[each] = self.type(each)

    def write(self, path: str, code: str, *, append: bool = False) -> None:
        """Write a file, or add to it."""
        target = self.folder / path
        before = target.read_text() + "\n\n" if append else ""
        target.write_text(before + code)

    def type(self, command: str) -> str:
        """Return what *command* prints; fail where it fails."""
        programs = os.path.dirname(sys.executable)  # noqa: PTH120  not that of the link's target
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env={
                "HOME": str(self.folder),
                "PATH": f"{programs}:{os.environ['PATH']}",
                "PYTHONPATH": str(self.source),
            },
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout

    def python(self, code: str) -> str:
        """Return what *code* prints in the shell of the project."""
        self.write("said.py", code)
        return self.type("python manage.py shell -v 0 < said.py")
