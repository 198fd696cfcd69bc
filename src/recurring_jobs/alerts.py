"""
Tells a project that something needs a person, and not again before a while has passed.

``signals.alert_raised`` is the hook. It is sent once for each kind and subject within
``ALERT_COOLDOWN``, however many processes notice the same: a row of the database says when
it was last. Where nobody listens, nothing is asked of the database.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.core import mail
from django.db import DatabaseError, IntegrityError, InterfaceError, router, transaction
from django.db.models import F

from recurring_jobs.conf import conf
from recurring_jobs.models import Alert
from recurring_jobs.runs.clock import DatabaseNow
from recurring_jobs.signals import alert_raised, run_gave_up, run_lost, template_set_aside

if TYPE_CHECKING:
    from django.db.models import Model

logger = logging.getLogger(__name__)


def connect() -> None:
    """Watch for what needs a person; a second call changes nothing."""
    for signal, receiver in (
        (run_gave_up, _on_run_gave_up),
        (run_lost, _on_run_lost),
        (template_set_aside, _on_template_set_aside),
    ):
        signal.connect(receiver, weak=False, dispatch_uid=f"recurring_jobs.{receiver.__name__}")


def raise_alert(kind: str, subject: str, text: str, **facts: Any) -> bool:
    """
    Send ``alert_raised`` unless that was done for *kind* and *subject* a short while ago.

    Return whether it was sent. A project may raise alerts of its own kinds.
    """
    if not alert_raised.has_listeners():
        return False
    try:
        held_back = _take_turn(kind, subject)
    except (DatabaseError, InterfaceError):
        logger.exception("recurring_jobs.alert.not_raised", extra={"kind": kind})
        return False
    if held_back is None:
        return False
    alert_raised.send_robust(
        sender=kind, subject=subject, text=text, held_back=held_back, facts=facts
    )
    return True


def mail_admins(*, sender: str, subject: str, text: str, held_back: int, **_: Any) -> None:
    """
    Mail an alert to the ADMINS of the settings; connect it to ``alert_raised``.

    It says how many more there were since the last mail. Arguments of tasks and texts of
    exceptions are not in it: a mailbox is no place for secrets.
    """
    more = f"\n\n{held_back} more since the last mail." if held_back else ""
    mail.mail_admins(f"{sender}: {subject}", text + more)


def _take_turn(kind: str, subject: str) -> int | None:
    """Return how many alerts were held back since the last; None where it is not time yet."""
    using = router.db_for_write(Alert)
    key = f"{kind}:{subject}"[:255]
    rows = Alert.objects.using(using).filter(key=key)
    with transaction.atomic(using=using):
        before = rows.select_for_update().values_list("held_back", flat=True).first()
        if before is not None:
            due = rows.filter(raised_at__lt=DatabaseNow() - conf.alert_cooldown)
            if due.update(raised_at=DatabaseNow(), held_back=0):
                return before
            rows.update(held_back=F("held_back") + 1)
            return None
    try:
        with transaction.atomic(using=using):
            Alert.objects.using(using).create(key=key, raised_at=DatabaseNow())
    except IntegrityError:  # another process was first
        rows.update(held_back=F("held_back") + 1)
        return None
    return 0


def _on_run_gave_up(*, sender: Any, run_id: str, **_: Any) -> None:
    task = _name_of(sender)
    text = f"Run {run_id} of {task} gave up, and waits as a dead letter for a person."
    raise_alert("dead_letter", task, text, run_id=run_id)


def _on_run_lost(*, sender: Any, run_id: str, outcome: str, **_: Any) -> None:
    if outcome == "retry":
        return  # it is sent again
    task = _name_of(sender)
    raise_alert("run_lost", task, f"The worker of run {run_id} of {task} was lost.", run_id=run_id)


def _on_template_set_aside(*, sender: type[Model], template: Any, reason: str, **_: Any) -> None:
    label = sender._meta.label
    text = f"{label} {template.pk} was set aside and gets no more rows: {reason}"
    raise_alert("template_set_aside", label, text, pk=template.pk)


def _name_of(sender: Any) -> str:
    return str(getattr(sender, "name", sender))
