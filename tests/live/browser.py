"""A real Chromium on the pages of the host project, and what it must not complain of."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import django
import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, ConsoleMessage, Page

POLICY = {
    "default-src": ["'none'"],
    "connect-src": ["'self'"],
    "font-src": ["'self'"],
    "form-action": ["'self'"],
    "img-src": ["'self'", "data:"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
}
WIDTHS = {"wide": 1280, "narrow": 360}
SCHEMES = ("light", "dark")
#: What opens every page is not tried in all four, but each scheme and each width has its turn.
VIEWS = (("light", "wide"), ("dark", "narrow"))
OTHER_VIEWS = (("light", "narrow"), ("dark", "wide"))


def errors_in(said: ConsoleMessage) -> list[str]:
    """Return what *said* complains of; that the host has no icon is none of our business."""
    is_ours = said.type == "error" and not said.location["url"].endswith("/favicon.ico")
    return [f"{said.text} {said.location['url']}"] if is_ours else []


def messages_of(page: Page) -> str:
    """Return what the site says after an action, as soon as it does."""
    return page.locator(".messagelist").inner_text()


def is_too_wide(page: Page) -> bool:
    """Return whether the page as a whole has to be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1"))


@pytest.fixture(scope="session")
def chromium(chromium_path) -> Iterator[Browser]:
    """One Chromium for all tests."""
    playwright = pytest.importorskip("playwright.sync_api")
    # Playwright's loop would make Django refuse the database in this thread.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium_path,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture
def strict_policy(settings) -> None:
    """
    Serve every page with a policy that allows only files of the site itself.

    Django has the middleware for it since 6.0; before, django-csp has, where it is installed.
    """
    if django.VERSION >= (6, 0):
        settings.SECURE_CSP = POLICY
        middleware = "django.middleware.csp.ContentSecurityPolicyMiddleware"
    else:
        pytest.importorskip("csp.middleware", reason="pip install django-csp")
        settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": POLICY}
        middleware = "csp.middleware.CSPMiddleware"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, middleware]


@pytest.fixture
def many_languages(settings) -> None:
    """Serve every page in the language that the browser asks for."""
    locale, session = "django.middleware.locale", "django.contrib.sessions.middleware"
    place = settings.MIDDLEWARE.index(f"{session}.SessionMiddleware") + 1
    middleware = [*settings.MIDDLEWARE]
    middleware.insert(place, f"{locale}.LocaleMiddleware")
    settings.MIDDLEWARE = middleware


@pytest.fixture
def site(strict_policy, many_languages) -> Iterator[str]:
    """
    The address of a server of the test's own, which has the middleware that it is to have.

    That of pytest-django lives through all tests, with the middleware of its first moment.
    """
    server = LiveServer("localhost")
    yield server.url
    server.stop()


@pytest.fixture
def open_page(chromium, site, django_user_model) -> Iterator[Callable[..., Page]]:
    """
    Open a page of the site as a superuser, in a scheme, a width and a language.

    At the end no page may have complained: no error in the console, no violation of the
    policy, no script error, no dialog.
    """
    boss = django_user_model.objects.create_superuser("boss")
    client = Client()
    client.force_login(boss)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value}
    contexts = []
    complaints: list[str] = []

    def open_one(
        path: str, *, scheme: str = "light", width: str = "wide", locale: str = "en", **options: Any
    ) -> Page:
        context = chromium.new_context(
            color_scheme=scheme,
            viewport={"width": WIDTHS[width], "height": 900},
            locale=locale,
            **options,
        )
        contexts.append(context)
        context.add_cookies([{**cookie, "url": site}])
        page = context.new_page()
        page.on("console", lambda said: complaints.extend(errors_in(said)))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append("dialog"), dialog.dismiss()))
        answer = page.goto(f"{site}{path}", wait_until="networkidle")
        assert answer.status == 200, path
        assert "content-security-policy" in answer.headers
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def pictures(tmp_path_factory) -> Path:
    """The folder that pictures of the pages go to; ADMIN_PICTURES names another."""
    chosen = os.environ.get("ADMIN_PICTURES")
    if chosen:
        from pathlib import Path

        return Path(chosen)
    return tmp_path_factory.mktemp("pictures")
