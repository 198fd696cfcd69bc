"""
A soak: beats, workers and generators on servers of their own, all of which fail at random.

Run by ``script/soak``. Afterwards nothing may be lost, doubled or left hanging.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.live import soak_findings as findings
from tests.live.beats import Stage, stage
from tests.live.own_servers import PostgresServer, RedisServer, running
from tests.live.soak_chart import lateness_chart
from tests.services import temporary_database

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.live.own_servers import Server
    from tests.live.processes import Process

BEATS, WORKERS, GENERATORS = 3, 2, 4
#: Seconds between two faults.
PAUSE = 3.0
#: Seconds after the last fault in which something of what was begun must end, and then again.
#: What the broker lost twice is sent again when it is twice as old.
SOMETHING_ENDS_IN = 120.0
#: Faults lasting longer than a lease (2.5 heartbeats) or not.
SHORT, LONG = 1.5, 7.0
ENVIRONMENT = {
    "HOST_REPUBLISH": "1",
    "HOST_HEARTBEAT": "2",
    "HOST_RESEND": "20",
    "HOST_TASKS": "tests.live.soak_tasks",
    "HOST_TRANSPORT_OPTIONS": '{"visibility_timeout": 20}',
}


def groups() -> list[tuple[dict[str, dict[str, Any]], dict[str, Any]]]:
    """Return the 30 schedules: names with their policies, and how they are declared."""
    slow = {"task": "soak.works", "every": 5}
    overlaps = ("allow", "skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other")
    overlap = {f"overlap-{each}": {"overlap": each} for each in overlaps}
    misfire = {
        f"misfire-{each}": {"misfire": each} for each in ("latest", "earliest", "all", "skip")
    }
    flaky = {f"flaky-{n}": {"jitter": _seconds(1)} for n in range(6)}
    return [
        ({f"plain-{n}": {} for n in range(12)}, {"task": "soak.works", "every": 4}),
        (flaky, {**slow, "kwargs": {name: {"failures": 0.3} for name in flaky}}),
        (overlap, {**slow, "kwargs": {name: {"seconds": 3} for name in overlap}}),
        (misfire, {"task": "soak.works", "every": 3}),
        ({"alone-1": {}, "alone-2": {}}, {"task": "soak.alone", "every": 4}),
    ]


def _seconds(number: float) -> Any:
    from datetime import timedelta

    return timedelta(seconds=number)


@dataclass
class Soak:
    """What runs, what becomes of it, and what was found wrong."""

    on: Stage
    postgres: Server
    redis: Server
    chance: random.Random
    faketime: str
    clocks: list[Path] = field(default_factory=list)
    running: dict[str, list[Process]] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def start_all(self) -> None:
        for number in range(BEATS):
            clock = self.on.host.folder / f"clock-{number}"
            clock.write_text("+0s\n")
            self.clocks.append(clock)
        starters = {"beat": BEATS, "worker": WORKERS, "generator": GENERATORS}
        for role, number in starters.items():
            self.running[role] = [self.start(role, index) for index in range(number)]
        self.on.wait_for(self.on.fires, what="the first fire")

    def start(self, role: str, index: int) -> Process:
        host = self.on.host
        if role == "generator":
            return host.start("tests.live.soak_tasks")
        if role == "worker":
            queues = ("-Q", f"{self.on.queue},celery")
            return host.worker(*queues, "-c", "3")
        command = ("tests.live.moved_clock", "-A", "tests.host", "beat", "-l", "info")
        faked = {
            "LD_PRELOAD": self.faketime,
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_TIMESTAMP_FILE": str(self.clocks[index]),
        }
        pidfile = f"--pidfile={host.folder}/beat-{len(host.processes)}.pid"
        return host.start(*command, pidfile, env=faked if self.faketime else {})

    def faults(self) -> dict[str, tuple[int, Callable[[], None]]]:
        """Return what may go wrong, each with its weight."""
        found = {
            "beat killed": (4, lambda: self._kill("beat")),
            "beat stopped": (3, lambda: self._stop("beat")),
            "worker killed": (3, lambda: self._kill("worker")),
            "worker stopped": (2, lambda: self._stop("worker")),
            "generator killed": (3, lambda: self._kill("generator")),
            "broker cut": (2, lambda: self._away(self.on.broker.close, self.on.broker.open)),
            "broker silent": (1, lambda: self._away(self.on.broker.silence, self.on.broker.open)),
            "broker killed": (2, self.redis.crash_and_recover),
            "database cut": (2, self._cut_database),
            "database crashed": (1, self.postgres.crash_and_recover),
        }
        return {**found, "clock stepped": (3, self._step)} if self.faketime else found

    def torment(self, seconds: float) -> None:
        """Let things go wrong for so long."""
        faults = self.faults()
        names, weights = list(faults), [weight for weight, _do in faults.values()]
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(PAUSE * (0.5 + self.chance.random()))
            self._look_after()
            (name,) = self.chance.choices(names, weights)
            say(f"{deadline - time.monotonic():4.0f} s left: {name}")
            self.done[name] += 1
            faults[name][1]()

    def settle(self) -> None:
        """Let all that was begun come to its end."""
        for clock in self.clocks:
            clock.write_text("+0s\n")
        self._look_after()
        findings.disable_schedules(self.on)
        for process in self.running.pop("generator"):
            process.kill()
        least, deadline = None, 0.0
        while any(left := findings.unfinished(self.on)):
            if least is None or sum(left) < least:
                least, deadline = sum(left), time.monotonic() + SOMETHING_ENDS_IN
            if time.monotonic() > deadline:
                break
            self._look_after()
            time.sleep(1)
        what = dict(zip(("fires to be sent", "published fires", "runs"), left, strict=True))
        self.problems += [f"Never ended: {n} {each}." for each, n in what.items() if n]
        if self.problems:
            self.problems += findings.left_behind(self.on)
            self.problems.append(f"With the broker: {findings.messages(self.on, self.redis.url)}.")

    def _kill(self, role: str) -> None:
        index = self.chance.randrange(len(self.running[role]))
        self.running[role][index].kill()
        self.running[role][index] = self.start(role, index)

    def _stop(self, role: str) -> None:
        process = self.chance.choice(self.running[role])
        process.send(signal.SIGSTOP)
        time.sleep(self.chance.choice((SHORT, LONG)))
        process.send(signal.SIGCONT)

    def _away(self, leave: Callable[[], None], come_back: Callable[[], None]) -> None:
        leave()
        time.sleep(self.chance.choice((SHORT, LONG)))
        come_back()

    def _cut_database(self) -> None:
        self._away(self.on.database.close, self.on.database.open)

    def _step(self) -> None:
        clock = self.chance.choice(self.clocks)
        clock.write_text(self.chance.choice(("+3600s", "-3600s", "+5s", "+0s")) + "\n")

    def _look_after(self) -> None:
        """Note who has ended without being killed, and start another."""
        for role, processes in self.running.items():
            for index, process in enumerate(processes):
                if process.is_alive:
                    continue
                if role == "worker" and findings.gave_out_over_the_broker(process):
                    self.done["worker ended over the broker"] += 1
                else:
                    code, log = process.popen.returncode, process.log.name
                    self.problems.append(f"A {role} has ended by itself ({code}): {log}")
                processes[index] = self.start(role, index)


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  what the command says


def main() -> int:
    """Soak, look, tell; return 1 where something was wrong."""
    parser = argparse.ArgumentParser(prog="script/soak", description=__doc__)
    parser.add_argument("seconds", type=float, nargs="?", default=600, help="default: 600")
    parser.add_argument("--seed", type=int, default=1, help="of the order of faults; default: 1")
    parser.add_argument("--out", type=Path, default=Path(".soak"), help="folder for the report")
    options = parser.parse_args()
    options.out.mkdir(exist_ok=True)
    # Whoever ends it before its time finds nothing left behind either.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak")))
        try:
            postgres = stack.enter_context(running(PostgresServer))
            broker = stack.enter_context(running(RedisServer))
        except FileNotFoundError:
            parser.error("a server is missing. On Debian: apt install postgresql redis-server")
        os.environ["REDIS_URL"] = broker.url
        url = stack.enter_context(temporary_database(postgres.url))
        on = stack.enter_context(stage(folder / "host", url, "redis", env=ENVIRONMENT))
        for schedules, how in groups():
            on.declare(schedules, **how)
        faketime = os.environ.get("LIBFAKETIME", "")
        soak = Soak(on, postgres, broker, random.Random(options.seed), faketime)
        soak.start_all()
        began_at = on.now()
        soak.torment(options.seconds)
        soak.settle()
        soak.problems += on.problems()
        wrong, rows, marks = findings.compare_rows(on)
        soak.problems += wrong[:10]
        report = {
            "seed": options.seed,
            "seconds": round(on.now() - began_at),
            "faults": dict(soak.done),
            "fires": findings.states(on, "fire"),
            "runs": findings.states(on, "run"),
            "runs sent again": findings.said(on, "not_begun"),
            "dead letters": findings.letters(on),
            "occurrences and templates": rows,
            "runs under a lock": marks,
            "problems": soak.problems,
        }
        # Of those that wait for nothing but a beat: no jitter, no earlier run.
        plain = [fire for fire in on.fires() if fire.schedule.startswith("plain-")]
        late = sorted(f.late for f in plain if f.published_at and f.nominal_at > began_at)
        on.host.stop_all()
        if soak.problems:
            for process in on.host.processes:
                shutil.copy(process.log, options.out)
    report["late"] = {
        f"p{p}": round(late[int((len(late) - 1) * p / 100)], 2) for p in (50, 95, 99, 100)
    }
    (options.out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    (options.out / "lateness.svg").write_text(lateness_chart(late, title=title_of(report)))
    say(json.dumps(report, indent=2))
    say(f"The report and a picture of the lateness are in {options.out}/.")
    return 1 if soak.problems else 0


def title_of(report: dict[str, Any]) -> str:
    faults = sum(report["faults"].values())
    return f"{report['seconds']} seconds with {faults} faults, seed {report['seed']}"


if __name__ == "__main__":
    sys.exit(main())
