"""
What it costs to have RabbitMQ confirm each message, as the app asks for, side by side.

    RABBITMQ_URL=amqp://guest:guest@127.0.0.1:5672// python -m benchmarks.confirms

One process sends messages through Celery, one after the other, in rounds with and without
``confirm_publish`` in turn, into a durable queue of its own that is deleted in the end. The
best round of each counts, since what else the machine does can only make one slower.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any
from uuid import uuid4

from celery import Celery

from recurring_jobs.patience import transport_options

MESSAGES = 1_000
ROUNDS = 20
KINDS = {"not confirmed": False, "confirmed": True}


def main() -> None:
    """Print messages a second and the times of one message, for each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    queue = f"benchmark-{uuid4().hex}"
    apps = {kind: an_app(is_confirmed) for kind, is_confirmed in KINDS.items()}
    taken: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
    try:
        for app in apps.values():
            send(app, queue, 100)  # the links are there, and warm
        for _ in range(options.rounds):
            for kind, app in apps.items():
                purge(app, queue)
                taken[kind].append(send(app, queue, options.messages))
    finally:
        with apps["confirmed"].connection_for_write() as connection:
            connection.default_channel.queue_delete(queue)
    report(taken)


def an_app(is_confirmed: bool) -> Celery:  # noqa: FBT001  one of two
    """Return an app that sends as a project with ours does, confirmed or not."""
    app = Celery("benchmark", broker=os.environ["RABBITMQ_URL"], set_as_current=False)
    ours = transport_options("amqp")
    app.conf.broker_transport_options = {**ours, "confirm_publish": is_confirmed}
    return app


def send(app: Celery, queue: str, messages: int) -> list[float]:
    """Send so many messages, and return the seconds that each took."""
    taken = []
    for number in range(messages):
        began = time.perf_counter()
        app.send_task("shop.recompute", (number,), {"days": 7}, queue=queue, ignore_result=True)
        taken.append(time.perf_counter() - began)
    return taken


def purge(app: Celery, queue: str) -> None:
    """Empty the queue, so that each round finds it as the first did."""
    with app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        channel.queue_purge(queue)


def report(taken: dict[str, list[list[float]]]) -> None:
    """Print the best of the rounds, and of the times of all messages the median and 99 %."""
    rounds = {len(each) for each in taken.values()}
    print(f"{rounds.pop()} rounds of {len(taken['confirmed'][0])} messages each, in turn")
    print(f"{'':>14} {'messages/s':>11} {'median µs':>10} {'99 % µs':>9}")
    for kind, rounds_of in taken.items():
        rate = max(len(each) / sum(each) for each in rounds_of)
        every = sorted(second for each in rounds_of for second in each)
        middle, late = every[len(every) // 2], every[len(every) * 99 // 100]
        print(f"{kind:>14} {rate:>11,.0f} {middle * 1e6:>10,.0f} {late * 1e6:>9,.0f}")


if __name__ == "__main__":
    main()
