"""The first tutorial, typed into an empty folder, and the page on tests in what it builds."""

from __future__ import annotations

import pytest

from tests.docs.project import Project

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The project at the end of the tutorial."""
    project = Project(tmp_path_factory.mktemp("empty"))
    project.follow("tutorial.md")
    return project


def test_tutorial_builds_what_it_says(project):
    """
    Every command goes well in an empty folder, and says what the page shows of it.
    """
    assert "no issues" in project.printed["python manage.py check"]
    made = project.printed["python manage.py setup_periodic_tasks"].splitlines()[0]
    assert made == "+ Keep five tasks ahead: todo.tasks.keep_five_ahead, every minute"
    sent = [command for command in project.printed if "send_reminder.delay" in command]
    assert len(sent) == 1


def test_rows_are_made_as_shown(project):
    """
    The rule that the reader types gives five rows, then none.
    """
    project.type(
        'python manage.py shell -c "'
        "from datetime import timedelta; from django.utils import timezone; "
        "Task.objects.all().delete(); "
        "Task.objects.create(title='Tidy', due_at=timezone.now() + timedelta(days=1), "
        "recurrence_rule='FREQ=WEEKLY;BYDAY=MO,WE,FR')\""
    )

    first = project.type("python manage.py generate_occurrences")

    assert first.splitlines() == [
        "todo.Task: 5 made, 0 changed, 0 removed, 0 set aside (templates: 1)",
        "Occurrences made: 5",
    ]
    assert "Occurrences made: 0" in project.type("python manage.py generate_occurrences")


def test_tests_of_the_page_on_tests_pass(project):
    """
    Copied from the page, with pytest and with Django's runner.
    """
    project.follow("how-to/test.md")

    by_pytest = project.type("python -m pytest -q -p no:cacheprovider -p no:randomly")
    by_django = project.type("python manage.py test")

    assert "5 passed" in by_pytest, by_pytest
    assert "Ran 1 test" in by_django
    assert "1 unchanged." in project.printed["python manage.py setup_periodic_tasks --check"]
