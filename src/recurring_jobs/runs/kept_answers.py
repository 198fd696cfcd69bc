"""Answers that are kept for a while, so that a request that comes twice is done once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from django.db import IntegrityError, models, router, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from datetime import datetime

#: A request that did not come to its end in so long may be taken over by its repetition.
TAKEN_OVER_AFTER: Final = timedelta(minutes=1)
#: How often a row may vanish under our eyes before we take it for busy.
_ATTEMPTS: Final = 3


class KeptAnswer(models.Model):
    """
    What a request with an idempotency key, or a form of the admin, was answered.

    Without status it is under way.
    """

    id = models.CharField(
        _("digest of caller and key"), max_length=64, primary_key=True, editable=False
    )
    fingerprint = models.CharField(_("digest of the request"), max_length=64)
    run_id = models.CharField(_("task id"), max_length=64)
    status = models.PositiveSmallIntegerField(_("status"), null=True, blank=True)
    body = models.TextField(_("body"), blank=True)
    location = models.TextField(_("location"), blank=True)
    claimed_at = models.DateTimeField(_("claimed at"), default=timezone.now, db_index=True)

    class Meta:
        verbose_name = _("kept answer")
        verbose_name_plural = _("kept answers")
        default_permissions = ()

    def __str__(self) -> str:
        return self.pk[:12]

    def keep(self, *, status: int, body: str, location: str = "") -> None:
        """Keep the answer, unless a repetition of the request took it over meanwhile."""
        self._mine().update(status=status, body=body, location=location)

    def release(self) -> None:
        """Forget the request: it was refused, and nothing was done."""
        self._mine().delete()

    def take_over(self) -> bool:
        """Claim a request that did not come to its end; return False where another did."""
        now = timezone.now()
        if self.claimed_at > now - TAKEN_OVER_AFTER:
            return False
        is_mine = bool(self._mine().update(claimed_at=now))
        self.claimed_at = now
        return is_mine

    def _mine(self) -> models.QuerySet[KeptAnswer]:
        rows = KeptAnswer.objects.using(router.db_for_write(KeptAnswer))
        return rows.filter(pk=self.pk, claimed_at=self.claimed_at, status__isnull=True)


def claim(answer_id: str, fingerprint: str) -> tuple[KeptAnswer | None, bool]:
    """
    Return the row of *answer_id*, and whether this request is the first that asks for it.

    Of any number of requests at once one is the first: the primary key says which. None
    where the row comes and goes, so that another is about to try.
    """
    using = router.db_for_write(KeptAnswer)
    rows = KeptAnswer.objects.using(using)
    run_id = str(uuid4())
    for _attempt in range(_ATTEMPTS):
        try:
            with transaction.atomic(using=using):
                return rows.create(id=answer_id, fingerprint=fingerprint, run_id=run_id), True
        except IntegrityError:
            found = rows.filter(pk=answer_id).first()
        if found is not None:
            return found, False
    return None, False


def find(answer_id: str) -> KeptAnswer | None:
    """Return the row of *answer_id*, if a request has claimed it."""
    rows = KeptAnswer.objects.using(router.db_for_write(KeptAnswer))
    return rows.filter(pk=answer_id).first()


def kept_before(before: datetime) -> models.QuerySet[KeptAnswer]:
    """Return the answers that are older than *before*."""
    return KeptAnswer.objects.using(router.db_for_write(KeptAnswer)).filter(claimed_at__lt=before)
