"""What may be typed after ``manage.py recurring_jobs``, one class a word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from recurring_jobs.management.subcommands.dead_letters import DeadLetters
from recurring_jobs.management.subcommands.health import Health
from recurring_jobs.management.subcommands.processes import Beat, Dev, Flower, Worker
from recurring_jobs.management.subcommands.prune import Prune
from recurring_jobs.management.subcommands.queues import Purge, Queues
from recurring_jobs.management.subcommands.runs import Runs, Status, Trigger
from recurring_jobs.management.subcommands.workers import Active, Registered, Scheduled, Stats

if TYPE_CHECKING:
    from recurring_jobs.management.subcommands.base import Subcommand

#: In the order in which the help names them.
SUBCOMMANDS: Final[tuple[type[Subcommand], ...]] = (
    Worker,
    Beat,
    Dev,
    Flower,
    Active,
    Scheduled,
    Registered,
    Stats,
    Queues,
    Health,
    Runs,
    Status,
    Trigger,
    DeadLetters,
    Prune,
    Purge,
)
