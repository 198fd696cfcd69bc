"""Those who use the demo from outside: over HTTP, in the admin, and as an operator."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.cookiejar import CookieJar
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

from django.contrib import admin
from django.urls import reverse

from demo.events import DemoError, Event, Sight
from demo.stage import ADMIN
from pricing.tasks import recompute_all_discounts
from recurring_jobs.models import DeadLetter, Run
from recurring_jobs.runs.dead_letters import requeue
from starter.models import Delivery, Endpoint
from starter.tasks import deliver_webhook

#: One who uses the demo: each step yields what was done, or None while there is to wait.
Caller = Iterator[Event | None]


class RequestError(DemoError):
    """The web server did not answer as it should."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path} answered: {problem}")


class Client:
    """Speaks HTTP with the web server, as a program with a token and as a browser."""

    def __init__(self, address: str, token: str) -> None:
        self.address = address
        self._token = token
        self._browser = build_opener(HTTPCookieProcessor(CookieJar()))

    def is_up(self) -> bool:
        """Whether the web server answers yet."""
        try:
            self._open("/admin/login/")
        except URLError:
            return False
        return True

    def trigger(self, task: str, **body: Any) -> dict[str, Any]:
        """Start *task* through the API and return the answer."""
        return self._call(f"/jobs/tasks/{task}/trigger", json.dumps(body).encode())

    def status(self, url: str) -> dict[str, Any]:
        """Return what the API says of a run."""
        return self._call(url)

    def log_in(self, username: str, password: str) -> None:
        """Log in to the admin; the session stays. Raise RequestError where it is refused."""
        page = self._open("/admin/login/")
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        token = found.group(1) if found else ""
        form = {"username": username, "password": password, "csrfmiddlewaretoken": token}
        page = self._open("/admin/login/?next=/admin/", urlencode(form).encode())
        if "errornote" in page:
            problem = f"no log-in for {username!r} with the password {password!r}."
            raise RequestError("/admin/login/", problem)

    def look_at_list(self, path: str) -> None:
        """Ask for a list of the admin; raise RequestError where it is not shown."""
        if 'id="changelist"' not in self._open(path):
            raise RequestError(path, "a page without a list.")

    def _call(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        answer: dict[str, Any] = json.loads(self._open(path, body, headers))
        return answer

    def _open(
        self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> str:
        url = self.address + path
        request = Request(url, data=body, headers=headers or {})  # noqa: S310  our own server
        try:
            with self._browser.open(request, timeout=30) as response:
                text: str = response.read().decode()
        except HTTPError as error:
            problem = f"{error.code} {error.read()[:500].decode(errors='replace')}"
            raise RequestError(path, problem) from None
        return text


def callers(client: Client) -> list[Caller]:
    """Return everybody who uses the demo from outside."""
    return [trigger_queued(client), trigger_in_process(client), send_again(), look_at(client)]


def trigger_queued(client: Client) -> Caller:
    """Trigger a task over HTTP, then ask for its status by id until it is done."""
    yield from wait_for(client)
    answer = client.trigger(
        recompute_all_discounts.name, kwargs={"days_threshold": 14}, mode="queued"
    )
    while (status := client.status(answer["status_url"]))["state"] != "succeeded":
        yield None
    yield Event(
        Sight.TRIGGERED,
        f"triggered over HTTP with days_threshold=14: {answer['state']}, then "
        f"{status['state']} by its id {answer['id']}",
    )


def trigger_in_process(client: Client) -> Caller:
    """Trigger a task over HTTP and have the web server execute it."""
    yield from wait_for(client)
    answer = client.trigger(
        recompute_all_discounts.name, kwargs={"days_threshold": 7}, mode="in_process"
    )
    if answer["state"] == "succeeded":
        yield Event(Sight.IN_PROCESS, f"triggered over HTTP, in-process: {answer['result']}")


def send_again() -> Caller:
    """Whenever the warehouse did not take a message: bring it back, and send the letter."""
    known = set(DeadLetter.objects.values_list("pk", flat=True))
    lost = DeadLetter.objects.filter(task=deliver_webhook.name).order_by("pk")
    while True:
        yield None
        for letter in lost.exclude(pk__in=known):
            known.add(letter.pk)
            Endpoint.objects.filter(name="warehouse").update(is_up=True)
            task_id = requeue(letter, by="demo")
            yield from wait_for_end(task_id)
            if Delivery.objects.filter(task_id=task_id).exists():
                yield Event(Sight.REQUEUED, f"dead letter {letter.pk} sent again and delivered")


def wait_for_end(task_id: str) -> Caller:
    """Wait until the run of *task_id* has ended, well or not."""
    while not Run.objects.filter(pk=task_id, finished_at__isnull=False).exists():
        yield None


def look_at(client: Client) -> Caller:
    """Log in to the admin and look at every list."""
    yield from wait_for(client)
    client.log_in(ADMIN, ADMIN)
    models = list(admin.site._registry)  # noqa: SLF001  there is no public way to ask
    for model in models:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
        client.look_at_list(reverse(name))
        yield None
    yield Event(Sight.ADMIN, f"{len(models)} lists of the admin answer")


def wait_for(client: Client) -> Caller:
    """Wait until the web server answers."""
    while not client.is_up():
        yield None
