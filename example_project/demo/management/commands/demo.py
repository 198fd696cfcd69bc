"""Run the five systems on real processes and say what each of them does."""

from __future__ import annotations

import secrets
import signal
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from demo import stage
from demo.callers import Client, callers
from demo.events import QUIET, DemoError, Event, Sight
from demo.processes import Crew, free_port
from demo.show import Show
from recurring_jobs.testing import check_ledger

PORT = 8000
CHECK_SECONDS = 120


class Command(BaseCommand):
    """A worker, two beats and a web server, and everybody who uses them."""

    help = "Start worker, beats and web server, and print what the five systems do, until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help=f"wait up to {CHECK_SECONDS} s until every system has worked, print what was "
            "seen, stop; exit 1 when something is missing",
        )
        parser.add_argument(
            "--port", type=int, help=f"port of the web server; default {PORT}, or a free one"
        )

    def handle(self, *, check: bool, port: int | None, **options: Any) -> None:
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, signal.default_int_handler)
        self.deadline = time.monotonic() + CHECK_SECONDS
        port = port or free_port(0 if check else PORT)
        token = secrets.token_urlsafe(24)
        with stage.only_demo_in(settings.VAR_DIR):
            try:
                self.prepare()
                self.perform(port, token, check=check)
            except KeyboardInterrupt:
                self.say("Stopped: worker, beats and web server have ended.")
                if check:
                    sys.exit(130)
            except DemoError as error:
                raise CommandError(str(error)) from None

    def prepare(self) -> None:
        """Leave nothing of the last demo, and everything that this one needs."""
        self.say(f"Preparing ({', '.join(stage.facts())})")
        stage.clear(settings.VAR_DIR)
        stage.fill_database(self.stdout)

    def perform(self, port: int, token: str, *, check: bool) -> None:
        """Start everything, tell what happens, and stop everything."""
        env = stage.environment(token)
        with Crew(base_dir=settings.BASE_DIR, log_dir=settings.VAR_DIR / "log", env=env) as crew:
            stage.sync_schedules(env, self.stdout)
            crew.start_all(port=port)
            for member in crew.members:
                self.say(f"Started the {member.name}, process {member.pid}, log {member.log}")
            show = Show(crew, callers(Client(f"http://127.0.0.1:{port}", token)))
            show.run(self.tell, until=lambda: not show.missing or self.is_late())
            if not check:
                self.introduce(port, token)
                show.run(self.tell, until=lambda: False)
        if check:
            self.report(show)

    def is_late(self) -> bool:
        return time.monotonic() > self.deadline

    def introduce(self, port: int, token: str) -> None:
        """Say where to look."""
        self.say(
            f"Admin: http://127.0.0.1:{port}/admin/ (log in as {stage.ADMIN!r} with the password "
            f"{stage.ADMIN!r}; made for this demo, it listens on this machine only)"
        )
        self.say(f"API:   http://127.0.0.1:{port}/jobs/ (Authorization: Bearer {token})")
        self.say("Ctrl-C stops everything.")

    def tell(self, event: Event) -> None:
        """Print one line for one event that is not quiet."""
        if event.text != QUIET:
            self.say(f"{timezone.now():%H:%M:%S}  {event.sight.system:<8} {event.text}")

    def report(self, show: Show) -> None:
        """Print what was seen; raise CommandError naming what was not."""
        width = max(len(sight.label) for sight in Sight)
        self.say("")
        for sight in Sight:
            times = f"seen {show.seen[sight]}x" if show.seen[sight] else "MISSING"
            self.say(f"{sight.system:<8} {sight.label:<{width}}  {times}")
        if show.missing:
            missing = "; ".join(f"{sight.system}: {sight.label}" for sight in show.missing)
            message = f"Not seen within {CHECK_SECONDS} s: {missing}. Logs: {settings.VAR_DIR}/log"
            raise CommandError(message)
        check_ledger(pruned=True)
        self.say("Two beats have fired each slot once.")
        self.say("Every system has done its work.")

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
