"""The tasks of the host project: each ends in one way that tests look for."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from celery import shared_task
from celery.exceptions import Reject
from celery.signals import task_retry

from recurring_jobs import BaseTaskWithRetry, GiveUp, RetryLater


class ApiTask(BaseTaskWithRetry):
    """A family: what talks to a service that is often away for a second."""

    abstract = True
    autoretry_for = (ConnectionError,)
    max_retries = 2
    retry_backoff = 0.01
    retry_jitter = False


@shared_task(name="host.add", base=BaseTaskWithRetry)
def add(left: int, right: int) -> int:
    """Succeed."""
    return left + right


@shared_task(name="host.add_tracked", base=BaseTaskWithRetry, tracked=True, triggerable=True)
def add_tracked(left: int, right: int) -> int:
    """Succeed, on record; may be started by name."""
    return left + right


@shared_task(name="host.always_fails", bind=True, base=ApiTask)
def always_fails(self, text: str = "away") -> None:
    """Fail at every attempt."""
    message = f"{text}, attempt {self.request.retries + 1}"
    raise ConnectionError(message)


@shared_task(name="host.recovers", bind=True, base=ApiTask, tracked=True)
def recovers(self, failures: int = 1) -> int:
    """Fail *failures* times, then succeed; return the number of retries."""
    if self.request.retries < failures:
        message = "not yet"
        raise ConnectionError(message)
    return int(self.request.retries)


@shared_task(name="host.retries_by_hand", bind=True, base=ApiTask)
def retries_by_hand(self) -> None:
    """Fail at every attempt, and ask for the next in so many words."""
    try:
        _call_service()
    except ConnectionError as exc:
        raise self.retry(exc=exc) from exc


@shared_task(name="host.asks_again", bind=True, base=ApiTask, tracked=True)
def asks_again(self, changes: dict[str, object]) -> None:
    """Ask for a retry with *changes*."""
    raise self.retry(countdown=1, **changes)


@shared_task(name="host.gives_up", base=BaseTaskWithRetry)
def gives_up() -> None:
    """End at once, as a dead letter."""
    raise GiveUp("The account is closed.")


@shared_task(name="host.waits", bind=True, base=ApiTask)
def waits(self, delay: float = 0.05) -> int:
    """Be asked once to come back later, then succeed."""
    if not self.request.retries:
        raise RetryLater(delay)
    return int(self.request.retries)


@shared_task(name="host.rejects", base=BaseTaskWithRetry)
def rejects() -> None:
    """Refuse the message."""
    raise Reject("not for us", requeue=False)


@shared_task(name="host.logs_in", base=ApiTask, tracked=True, sensitive=("account",))
def logs_in(user: str, password: str, account: str = "") -> None:
    """Fail with the password in the message, as real ones do."""
    message = f"{user}:{password} was refused for {account}"
    raise ConnectionError(message)


@shared_task(name="host.sleeps", base=ApiTask, time_limit=1)
def sleeps(seconds: float = 60) -> None:
    """Run into the hard time limit."""
    time.sleep(seconds)


@shared_task(name="host.kills_its_worker", base=ApiTask, tracked=True)
def kills_its_worker(marker: str) -> str:
    """Kill the process it runs in the first time; the file *marker* remembers that."""
    path = Path(marker)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


@shared_task(name="host.hands_over", bind=True, base=ApiTask, tracked=True)
def hands_over(self) -> object:
    """Fail once, then go on as another task under the same id."""
    if not self.request.retries:
        _call_service()
    queue = self.request.delivery_info["routing_key"]
    return self.replace(add_tracked.s(1, 2).set(queue=queue))


@shared_task(name="host.plain_failure")
def plain_failure() -> None:
    """Fail as a task of Celery's own class."""
    message = "away"
    raise ConnectionError(message)


@shared_task(name="host.lingers", bind=True, base=BaseTaskWithRetry, tracked=True)
def lingers(self, diary: str, gate: str = "") -> str:
    """Write start and end into the file *diary*; end when the file *gate* is there."""
    return _linger(self, diary, gate)


@shared_task(
    name="host.lingers_early",
    bind=True,
    base=BaseTaskWithRetry,
    tracked=True,
    acks_late=False,
    reject_on_worker_lost=False,
)
def lingers_early(self, diary: str, gate: str = "") -> str:
    """Do the same, acknowledged before."""
    return _linger(self, diary, gate)


@shared_task(name="host.kills", bind=True, base=BaseTaskWithRetry)
def kills(self, diary: str) -> None:
    """Kill the process it runs in, each time."""
    _write(diary, f"start {self.request.id} {os.getpid()}")
    os.kill(os.getpid(), signal.SIGKILL)


@shared_task(name="host.delayed", bind=True, base=BaseTaskWithRetry, tracked=True)
def delayed(self, diary: str) -> None:
    """Write its start."""
    _write(diary, f"start {self.request.id} {os.getpid()}")


@shared_task(name="host.plain_delayed", bind=True, acks_late=True)
def plain_delayed(self, diary: str) -> None:
    """Do so as a task of Celery's own class."""
    _write(diary, f"start {self.request.id} {os.getpid()}")


@shared_task(name="host.killed_after_retry", bind=True, base=BaseTaskWithRetry, tracked=True)
def killed_after_retry(self, diary: str) -> None:
    """Ask for a retry, and lose the worker before it has acknowledged the message."""
    _write(diary, f"start {self.request.id} {os.getpid()}")
    if not self.request.retries:
        raise RetryLater(0)


@shared_task(
    name="host.plain_killed_after_retry", bind=True, acks_late=True, reject_on_worker_lost=True
)
def plain_killed_after_retry(self, diary: str) -> None:
    """Do so as a task of Celery's own class."""
    _write(diary, f"start {self.request.id} {os.getpid()}")
    if not self.request.retries:
        raise self.retry(countdown=0)


@task_retry.connect(weak=False)
def _kill_after_retry(sender, request, **_) -> None:
    # The next attempt has been sent; the parent has not heard of it yet.
    if "killed_after_retry" in sender.name:
        marker = Path(f"{request.args[0]}-{request.id}-killed")
        if not marker.exists():
            marker.touch()
            os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)


if os.environ.get("HOST_NEW_TASK"):

    @shared_task(name="host.new", bind=True, base=BaseTaskWithRetry, tracked=True)
    def new(self, diary: str) -> None:
        """Exist in the new release only."""
        _write(diary, f"start {self.request.id} {os.getpid()}")


def _linger(task, diary: str, gate: str) -> str:
    _write(diary, f"start {task.request.id} {os.getpid()}")
    deadline = time.monotonic() + 120
    while gate and not Path(gate).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    _write(diary, f"end {task.request.id} {os.getpid()}")
    return str(task.request.hostname)


def _write(diary: str, line: str) -> None:
    # One write of a short line at the end of a file is whole, whoever else writes.
    with Path(diary).open("a") as file:
        file.write(f"{line}\n")


def _call_service() -> None:
    message = "away"
    raise ConnectionError(message)


@shared_task(name="host.alone", bind=True, base=ApiTask, no_overlap=True, overlap_key=["account"])
def alone(self, folder: str, account: int = 1, seconds: float = 0.0, failures: int = 0) -> int:
    """Note when it begins and ends in *folder*, and fail *failures* times in between."""
    return _noted(self, folder, seconds, failures)


@shared_task(
    name="host.in_turn", bind=True, base=ApiTask, no_overlap="wait", overlap_key=["account"]
)
def in_turn(self, folder: str, account: int = 1, seconds: float = 0.0, failures: int = 0) -> int:
    """Do so too, after the one before has ended."""
    return _noted(self, folder, seconds, failures)


def _noted(task, folder: str, seconds: float, failures: int) -> int:
    notes = Path(folder) / "notes"
    attempt = task.request.retries

    def note(what: str) -> None:
        with notes.open("a") as file:
            file.write(f"{what} {task.request.id} {attempt} {task.fencing_token}\n")

    note("begins")
    time.sleep(seconds)
    try:
        with task.lock.atomic():
            note("commits")
    finally:
        note("ends")
    if attempt < failures:
        _call_service()
    return int(task.fencing_token)


@shared_task(name="host.total", base=ApiTask)
def total(numbers: list[int]) -> int:
    """Add what a chord has gathered."""
    return sum(numbers)
