from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from recurring_jobs.models import DeadLetter, Fire, TaskLock
from tests.admin.rows import make_drifted, make_letter, make_lock

pytestmark = pytest.mark.django_db

# Each action, and what a person needs for it beside being allowed to look.
ACTIONS = {
    "deadletter_requeue": "recurring_jobs.requeue_deadletter",
    "deadletter_discard": "recurring_jobs.discard_deadletter",
    "schedule_run_now": "recurring_jobs.run_schedule",
    "schedule_backfill": "recurring_jobs.backfill_schedule",
    "schedule_pause": "recurring_jobs.pause_schedule",
    "schedule_resume": "recurring_jobs.pause_schedule",
    "schedule_skip_next": "recurring_jobs.pause_schedule",
    "schedule_take_code": "recurring_jobs.change_schedule",
    "schedule_keep_mine": "recurring_jobs.change_schedule",
    "tasklock_break": "recurring_jobs.break_tasklock",
}
VIEW = (
    "recurring_jobs.view_deadletter",
    "recurring_jobs.view_schedule",
    "recurring_jobs.view_tasklock",
)
DATA = {
    "confirmed": "yes",
    "args": "[]",
    "kwargs": "{}",
    "fields_chosen": ["enabled"],
    "overlap": "allow",
    "reason": "A test.",
    "until": "",
    "start": "2026-01-05T00:00:00",
    "end": "2026-01-06T00:00:00",
    "every": "0",
}
MAKERS = {"deadletter": make_letter, "schedule": make_drifted, "tasklock": make_lock}
ALL_RIGHTS = sorted(set(ACTIONS.values()))
# Each role, with the permissions it has.
ROLES = {
    "staff-without-rights": (),
    "viewer": VIEW,
    **{f"viewer-with-{right.partition('.')[2]}": (*VIEW, right) for right in ALL_RIGHTS},
    **{f"blind-with-{right.partition('.')[2]}": (right,) for right in ALL_RIGHTS},
    "everything-but-looking": tuple(right for right in ALL_RIGHTS if "change" not in right),
}


def url_of(action: str) -> str:
    row = MAKERS[action.partition("_")[0]]()
    return reverse(f"admin:recurring_jobs_{action}", args=[row.pk])


def may(permissions: tuple[str, ...], action: str) -> bool:
    model = action.partition("_")[0]
    can_look = {f"recurring_jobs.view_{model}", f"recurring_jobs.change_{model}"} & set(permissions)
    return bool(can_look) and ACTIONS[action] in permissions


def do(browser, url: str):
    """Post what the action wants, and once more with what it showed first, where it does."""
    answer = browser.post(url, DATA)
    if answer.status_code == 200 and answer.context["preview"]:
        answer = browser.post(url, {**DATA, "previewed": answer.context["previewed"]})
    return answer


def state_of_things() -> tuple[object, ...]:
    return (
        list(DeadLetter.objects.values_list("state", flat=True)),
        Fire.objects.count(),
        TaskLock.objects.held().count(),
        LogEntry.objects.count(),
    )


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("role", ROLES)
def test_each_action_needs_its_own_permission(browser_of, role, action):
    """
    A POST does something for those who may look and may do just that, and for no one else.
    """
    url = url_of(action)
    before = state_of_things()

    answer = do(browser_of(*ROLES[role]), url)

    if may(ROLES[role], action):
        assert answer.status_code == 302
        assert LogEntry.objects.count() == 1
    else:
        assert answer.status_code == 403
        assert state_of_things() == before


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("role", ["staff-without-rights", "viewer", "boss"])
def test_actions_are_never_done_by_a_link(browser_of, role, action):
    """
    A GET is refused with 405, whoever follows it, and changes nothing.
    """
    url = url_of(action)
    before = state_of_things()
    browser = browser_of(*ROLES.get(role, ()), is_superuser=role == "boss")

    codes = {method: getattr(browser, method)(url).status_code for method in ("get", "head", "put")}

    assert codes == {"get": 405, "head": 405, "put": 405}
    assert state_of_things() == before


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("method", ["get", "post"])
def test_strangers_are_asked_to_log_in(action, method):
    """
    Without a log-in every action leads to the log-in page.
    """
    url = url_of(action)
    before = state_of_things()

    answer = getattr(Client(), method)(url)

    assert answer.status_code == 302
    assert answer.url.startswith("/admin/login/")
    assert state_of_things() == before


@pytest.mark.parametrize("action", ACTIONS)
def test_superuser_may_do_everything(boss, action):
    """
    A superuser needs no permission by name.
    """
    answer = do(boss, url_of(action))

    assert answer.status_code == 302
    assert LogEntry.objects.count() == 1


@pytest.mark.parametrize("action", ACTIONS)
def test_actions_want_the_token_of_their_page(person, action):
    """
    A POST from another site, without the token, is refused.
    """
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person(is_superuser=True))
    url = url_of(action)
    before = state_of_things()

    assert browser.post(url, {"confirmed": "yes"}).status_code == 403
    assert state_of_things() == before


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("model", MAKERS)
def test_pages_and_lists_offer_what_the_person_may_do(browser_of, role, model):
    """
    Buttons and bulk actions are there for those who may use them, and for no one else.
    """
    row = MAKERS[model]()
    browser = browser_of(*ROLES[role])
    page = browser.get(reverse(f"admin:recurring_jobs_{model}_change", args=[row.pk]))
    listed = browser.get(reverse(f"admin:recurring_jobs_{model}_changelist"))

    expected = {
        name.partition("_")[2]
        for name in ACTIONS
        if name.startswith(model) and may(ROLES[role], name)
    }

    if page.status_code == 403:
        assert listed.status_code == 403
        assert not expected
        return
    tools = {tool["name"] for tool in page.context["recurring_jobs_tools"]}
    form = listed.context["action_form"]
    choices = dict(form.fields["action"].choices) if form else {}
    bulk = {name.removesuffix("_selected") for name in choices if name.endswith("_selected")}
    assert bulk - {"delete"} == expected - {"backfill"}
    assert tools == expected - {"pause"}  # the row is paused already


@pytest.mark.parametrize("action", ACTIONS)
def test_bulk_action_is_refused_to_a_viewer(browser_of, action):
    """
    Posting the name of a bulk action that the list does not offer does nothing.
    """
    model, _, name = action.partition("_")
    row = MAKERS[model]()
    before = state_of_things()

    browser_of(*VIEW).post(
        reverse(f"admin:recurring_jobs_{model}_changelist"),
        {"action": f"{name}_selected", "_selected_action": [row.pk], "confirmed": "yes"},
    )

    assert state_of_things() == before


@pytest.mark.parametrize("action", ACTIONS)
def test_action_on_a_row_that_is_not_there(boss, action):
    """
    A row that was deleted meanwhile is a page not found.
    """
    url = reverse(f"admin:recurring_jobs_{action}", args=["404"])

    assert boss.post(url, {"confirmed": "yes"}).status_code == 404
