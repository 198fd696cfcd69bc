"""What is old is deleted in small batches; what is not over never is."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from recurring_jobs.models import DeadLetter, Run, TaskLock
from recurring_jobs.runs.retention import Pruned, prune
from recurring_jobs.tasks import prune as prune_task

pytestmark = pytest.mark.django_db

LONG_AGO = timezone.now() - timedelta(days=400)
STATES = [state.value for state in Run.State]

NOTHING_BUT_ONE_RUN = {"runs": 1, "dead_letters": 0, "locks": 0, "answers": 0}


def make_runs(*states, at=LONG_AGO, prefix="run"):
    Run.objects.bulk_create(
        Run(
            id=f"{prefix}-{number}",
            task="t",
            state=state,
            created_at=at,
            finished_at=at if state in {"succeeded", "failed", "lost", "skipped"} else None,
        )
        for number, state in enumerate(states)
    )


def make_letters(*states, at=LONG_AGO):
    for number, state in enumerate(states):
        DeadLetter.objects.create(
            task="t", task_id=f"old-{number}", state=state, failed_at=at, closed_at=at
        )


def test_only_what_has_ended_is_deleted():
    """
    Old runs that may go on, and dead letters that wait for a person, stay.
    """
    make_runs(*STATES)
    make_letters("open", "requeued", "discarded")

    assert prune() == Pruned(runs=4, dead_letters=2, locks=0, answers=0)

    assert set(Run.objects.values_list("state", flat=True)) == {"queued", "running", "retrying"}
    assert DeadLetter.objects.get().state == "open"


def test_what_is_young_stays(settings):
    """
    The ages are those of the settings, and a call may give others.
    """
    settings.RECURRING_JOBS = {"KEEP_RUNS": timedelta(days=2)}
    make_runs("succeeded", at=timezone.now() - timedelta(days=1))

    assert prune().runs == 0
    assert prune(keep_runs=timedelta(hours=1)).runs == 1


def test_a_long_run_counts_from_its_end():
    """
    A run that began long ago and ended just now is young.
    """
    make_runs("succeeded")
    Run.objects.update(finished_at=timezone.now())

    assert prune().runs == 0


def test_batches_are_bounded(django_assert_num_queries):
    """
    No statement deletes more than a batch, and all is deleted in the end.
    """
    make_runs(*["succeeded"] * 25)

    with django_assert_num_queries(3 * 4 + 3 * 3):  # savepoint, read, delete, release
        assert prune(batch=10).runs == 25


def test_a_dry_run_deletes_nothing():
    """
    A dry run counts what would be deleted.
    """
    make_runs("succeeded", "failed")

    assert prune(is_dry_run=True).runs == 2
    assert Run.objects.count() == 2


def test_free_locks_go_held_ones_stay():
    """
    A lock that no one has had for a week is deleted, a held one never.
    """
    times = {"taken_at": LONG_AGO, "lease_until": LONG_AGO, "token": 1, "task": "t"}
    TaskLock.objects.create(id="free", **times)
    TaskLock.objects.create(id="held", owner="run-1", **times)

    assert prune().locks == 1
    assert TaskLock.objects.get().pk == "held"


def test_the_command_prunes(capsys):
    """
    ``recurring_jobs prune`` tells how much it deleted.
    """
    make_runs("succeeded")

    call_command("recurring_jobs", "prune", "--runs", "30", "--dry-run", "--json")
    assert json.loads(capsys.readouterr().out) == {
        "runs": 1,
        "dead_letters": 0,
        "locks": 0,
        "answers": 0,
    }
    call_command("recurring_jobs", "prune", "--json")

    assert json.loads(capsys.readouterr().out)["runs"] == 1
    assert not Run.objects.exists()


def test_the_task_prunes():
    """
    The package's own task can be declared to be run each night.
    """
    make_runs("succeeded")

    assert prune_task.apply().result == NOTHING_BUT_ONE_RUN


class TestManyDeadLetters:
    """Dead letters counted and sent again by the hundred."""

    @pytest.fixture
    def letters(self):
        """Three kinds of open letters, and a closed one."""
        rows = [
            ("host.add", "OSError"),
            ("host.add", "OSError"),
            ("host.add", "KeyError"),
            ("host.gone", "KeyError"),
        ]
        now = timezone.now()
        for number, (task, exception) in enumerate(rows):
            DeadLetter.objects.create(
                task=task,
                task_id=f"letter-{number}",
                exception_type=exception,
                args=[number, 1],
                failed_at=now - timedelta(hours=number),
                is_sendable=exception != "KeyError" or task != "host.add",
                not_sendable_reason="secret arguments were not stored.",
            )
        make_letters("discarded")

    def run(self, capsys, *typed):
        call_command("recurring_jobs", "dead-letters", *typed, "--json")
        captured = capsys.readouterr()
        return json.loads(captured.out), captured.err

    def test_they_are_grouped(self, letters, capsys):
        """
        Open letters are counted by task and exception, the most frequent first.
        """
        groups, _ = self.run(capsys, "list")

        assert [(each["task"], each["exception_type"], each["count"]) for each in groups] == [
            ("host.add", "OSError", 2),
            ("host.add", "KeyError", 1),
            ("host.gone", "KeyError", 1),
        ]

    def test_those_of_a_filter_are_sent_again(self, letters, capsys):
        """
        requeue sends what the filters choose, and nothing else; twice sends nothing more.
        """
        chosen = ("--task", "host.add", "--exception", "OSError")
        told, _ = self.run(capsys, "requeue", *chosen)
        again, _ = self.run(capsys, "requeue", *chosen)

        assert (told, again) == ({"sent": 2, "refused": 0}, {"sent": 0, "refused": 0})
        requeued = DeadLetter.objects.filter(state="requeued")
        assert {each.task_id for each in requeued} == {"letter-0", "letter-1"}
        assert {each.closed_by for each in requeued} == {"manage.py recurring_jobs"}
        lineage = Run.objects.values_list("retried_from", flat=True)
        assert set(lineage) == {"letter-0", "letter-1"}

    def test_what_cannot_be_sent_is_said(self, letters, capsys):
        """
        Letters that cannot be sent as they are stay open, each with its reason; the answer
        is a no.
        """
        with pytest.raises(CommandError, match="Those that were refused stay open") as no:
            self.run(capsys, "requeue", "--task", "host.add")

        said = capsys.readouterr()
        assert no.value.returncode == 1
        assert json.loads(said.out) == {"sent": 2, "refused": 1}
        assert "secret arguments were not stored." in said.err
        assert DeadLetter.objects.open().count() == 2

    def test_those_of_last_night_are_discarded(self, letters, capsys):
        """
        --hours chooses by age, discard closes.
        """
        told, _ = self.run(capsys, "discard", "--hours", "1.5")

        assert told == {"discarded": 2}
        assert DeadLetter.objects.open().count() == 2

    def test_people_get_a_table(self, letters, capsys):
        """
        Without --json there is one line for each group.
        """
        call_command("recurring_jobs", "dead-letters", "list")

        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split() == ["count", "task", "exception", "first", "last"]
        assert lines[1].split()[:3] == ["2", "host.add", "OSError"]

    def test_each_is_listed_with_its_id(self, letters, capsys):
        """
        --each tells the id of each open letter, the newest first.
        """
        told, _ = self.run(capsys, "list", "--each", "--task", "host.add")
        call_command("recurring_jobs", "dead-letters", "list", "--each")

        assert [each["task_id"] for each in told] == ["letter-0", "letter-1", "letter-2"]
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split() == ["id", "task", "exception", "attempts", "failed"]
        assert len(lines) == 5

    def test_all_are_discarded_where_all_is_said(self, letters, capsys):
        """
        --all leaves none open.
        """
        told, _ = self.run(capsys, "discard", "--all")

        assert told == {"discarded": 4}
        assert not DeadLetter.objects.open().exists()

    def test_one_is_told_in_full_and_sent_with_other_arguments(self, letters, capsys):
        """
        --id tells of one letter; requeue with --kwargs sends it with these.
        """
        told, _ = self.run(capsys, "list", "--id", "letter-0")
        kwargs = '{"left": 5, "right": 2}'
        sent, _ = self.run(
            capsys, "requeue", "--id", "letter-0", "--args", "[]", "--kwargs", kwargs
        )

        letter = DeadLetter.objects.get(task_id="letter-0")
        run = Run.objects.get(pk=letter.requeued_as)
        assert (told["task"], told["args"]) == ("host.add", [0, 1])
        assert sent == {"sent_as": letter.requeued_as}
        assert (run.args, run.kwargs, run.retried_from) == ([], json.loads(kwargs), "letter-0")

    @pytest.mark.parametrize(
        ("typed", "code", "sentence"),
        [
            (
                ("list", "--id", "gone"),
                1,
                "There is no open dead letter of a run of the id 'gone'.",
            ),
            (
                ("requeue", "--all", "--kwargs", "{}"),
                2,
                "--args and --kwargs change one dead letter: give --id too.",
            ),
            (("requeue", "--id", "letter-0", "--args", "{"), 2, "--args is not JSON"),
            (("requeue",), 2, "Say which: --id, --task, --exception or --hours, or else --all."),
            (("discard",), 2, "Say which: --id, --task, --exception or --hours, or else --all."),
            (("discard", "--all", "--hours", "1"), 2, "Say which: "),
        ],
        ids=["gone", "many", "not JSON", "requeue which", "discard which", "both"],
    )
    def test_wrong_use_is_said(self, letters, capsys, typed, code, sentence):
        """
        A letter that is not there, arguments for many letters, and what is not JSON.
        """
        with pytest.raises(CommandError, match=sentence.replace("{", "\\{")) as caught:
            self.run(capsys, *typed)

        assert caught.value.returncode == code
        assert DeadLetter.objects.open().count() == 4
