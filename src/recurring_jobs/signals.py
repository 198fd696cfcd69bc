"""What a host project can listen to. Receivers that raise never harm the work they watch."""

from __future__ import annotations

from django.dispatch import Signal

#: Occurrences were made and committed. ``sender``: the model of the occurrences;
#: ``template``: the row they were made from; ``count``: how many; ``using``: database alias.
occurrences_created = Signal()

#: A template could not be read and was set aside. ``sender``: its model; ``template``;
#: ``reason``: the sentence that is stored on the row; ``using``: database alias.
template_set_aside = Signal()

#: A run has succeeded. ``sender``: the task; ``run_id``: its task id; ``attempt``: the one
#: that succeeded, from 1; ``duration``: seconds that it took.
run_succeeded = Signal()

#: A run failed and will be tried again. ``sender``: the task; ``run_id``: its task id;
#: ``attempt``: the one that failed, from 1; ``delay``: seconds until the next; ``exception``.
run_retried = Signal()

#: A run did not begin, since another of its task and key was at work. ``sender``: the task;
#: ``run_id``; ``reason``; ``holder``: task id of the other.
run_skipped = Signal()

#: A run ended for good without success. ``sender``: the task's name; ``run_id``;
#: ``dead_letter``: the stored letter; ``exception``.
run_gave_up = Signal()

#: The worker of a run was lost, or did not beat. ``sender``: the task's name; ``run_id``;
#: ``crashes``: how often that has happened to the run; ``outcome``: ``"retry"`` (it is sent
#: again), ``"dead_letter"`` or ``"lost"``.
run_lost = Signal()

#: Something needs a person; sent once for each kind and subject within ``ALERT_COOLDOWN``.
#: ``sender``: its kind (``"dead_letter"``, ``"run_lost"``, ``"template_set_aside"``, or one
#: of the project's own); ``subject``: the task or model; ``text``: a sentence; ``held_back``:
#: how many more there were since the last; ``facts``: such as ``run_id``.
alert_raised = Signal()
