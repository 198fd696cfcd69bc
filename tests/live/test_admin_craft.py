"""The admin pages for everybody: assistive programs, keyboards, right to left, paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import django
import pytest

from tests.live.admin_rows import every_page
from tests.live.browser import VIEWS, WIDTHS, is_too_wide

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]

#: A fault of Django's own: the label of its search box is a picture, with the help beside it.
_DJANGOS = {("label-title-only", "#searchbar")}
#: So are these, up to Django 5.2: links told from text by colour alone, dates without a label.
_LEFT_OUT = {"exclude": [[".breadcrumbs"], ["#toolbar .quiet"], [".vDateField"], [".vTimeField"]]}


_FOCUSED = """() => {
    const at = document.activeElement;
    if (!at || at === document.body) return null;
    const style = getComputedStyle(at);
    const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    at.dataset.reached = "yes";
    return {
        what: (at.innerText || at.name || at.id || at.tagName).trim().slice(0, 40),
        inside: Boolean(at.closest("#content-main, .object-tools")),
        ring: ring || style.boxShadow !== "none" || at.matches("input, select, textarea"),
    };
}"""
_NOT_REACHED = """() => [...document.querySelectorAll(
    "#content a[href], #content button, #content summary, #content select, #content textarea," +
    "#content input:not([type=hidden]), #content [tabindex='0']")]
    .filter((each) => each.checkVisibility({visibilityProperty: true}) && !each.disabled
        && each.tabIndex >= 0 && !each.dataset.reached)
    .map((each) => (each.innerText || each.name || each.id || each.outerHTML).slice(0, 80))"""


def serious_faults(page: Page) -> list[str]:
    """Return what axe calls serious or critical on *page*."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    context = None if django.VERSION >= (6,) else _LEFT_OUT
    found: list[dict[str, Any]] = axe.Axe().run(page, context=context).response["violations"]
    return [
        f"{fault['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for fault in found
        if fault["impact"] in {"serious", "critical"}
        for node in fault["nodes"]
        if (fault["id"], node["target"][0]) not in _DJANGOS
    ]


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("scheme", "width"), VIEWS)
def test_assistive_programs_find_their_way(open_page, rows, few_questions, scheme, width):
    """Of what axe looks for, contrast and names and roles, nothing serious is found anywhere."""
    faults = {}
    # What axe does to the page is none of what the policy is to keep away.
    options = {"scheme": scheme, "width": width, "bypass_csp": True}
    for name, page in every_page(open_page, rows, few_questions, **options):
        if found := serious_faults(page):
            faults[name] = found

    assert faults == {}


#: The days and times to type that are out of sight.
_OUT_OF_SIGHT = """() => [...document.querySelectorAll("p.datetime input")]
    .filter((e) => e.getBoundingClientRect().left < 0).map((e) => e.name)"""


@pytest.mark.timeout(240)
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_read_from_right_to_left(open_page, rows, few_questions, pictures, width):
    """In Arabic the pages are mirrored, and fit the screen as they do in English."""
    directions, too_wide, cut_off = set(), [], []
    for name, page in every_page(open_page, rows, few_questions, locale="ar", width=width):
        cut_off += page.evaluate(_OUT_OF_SIGHT)
        page.screenshot(path=pictures / f"{name}-rtl-{width}.png", full_page=True)
        directions.add(page.locator("html").get_attribute("dir"))
        if is_too_wide(page):
            too_wide.append(name)

    assert directions - {"rtl"} <= {None}  # the page outside the admin says nothing of it
    assert (too_wide, cut_off) == ([], [])


def test_time_goes_from_right_to_left_in_charts(open_page, rows):
    """The first hour of a chart stands where a reader of the language begins."""
    places = {}
    for locale in ("en", "ar"):
        page = open_page(rows["index"], locale=locale)
        bars = page.locator(".recurring-jobs-bars rect.recurring-jobs-slot")
        first, last = bars.first.bounding_box(), bars.last.bounding_box()
        labels = page.locator(".recurring-jobs-piece-outcomes .recurring-jobs-hours span")
        begin, end = labels.first.bounding_box(), labels.last.bounding_box()
        places[locale] = (first["x"] < last["x"], begin["x"] < end["x"])

    assert places == {"en": (True, True), "ar": (False, False)}


@pytest.mark.parametrize(
    "name", ["index", "schedule", "todo", "dead-letter", "result", "periodic-task"]
)
def test_keyboard_reaches_everything(open_page, rows, name):
    """Each control is met by the tabulator key, and shows that it has the focus."""
    page = open_page(rows[name])
    without_ring, first = [], None
    for _ in range(400):
        page.keyboard.press("Tab")
        focused = page.evaluate(_FOCUSED)
        if focused is None:
            break
        first = first or focused["what"]
        if focused["inside"] and not focused["ring"]:
            without_ring.append(focused["what"])

    assert without_ring == []
    assert page.evaluate(_NOT_REACHED) == []


def test_paper_has_what_is_said_and_no_buttons(open_page, rows, pictures):
    """In print there are no controls, and nothing is cut off inside a box that scrolls."""
    page = open_page(rows["index"])
    page.emulate_media(media="print")
    assert page.locator(".recurring-jobs-refresh").is_hidden()
    page.goto(page.url.split("/admin/")[0] + rows["dead-letter"])
    page.screenshot(path=pictures / "dead-letter-print.png", full_page=True)

    assert page.locator(".recurring-jobs-tool").first.is_hidden()
    boxes = page.locator(".recurring-jobs-code").all()
    assert boxes
    assert all(box.evaluate("box => getComputedStyle(box).maxHeight === 'none'") for box in boxes)
