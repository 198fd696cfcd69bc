"""What a caller may say about a schedule."""

from __future__ import annotations

from typing import Final, get_args

from recurring_jobs.api.kinds import Key, choice, flag, instant, seconds, text, whole_number
from recurring_jobs.periodic import policy

LONGEST_REASON: Final = 1000
_OVERLAPS: Final = get_args(policy.Overlap)

NAME: Final = Key("name", text(200), "The name of a schedule.")
AFTER: Final = Key(
    "after",
    whole_number(0, 2**63 - 1),
    "Where the page begins: next_after of the page before.",
    default=0,
)
REASON: Final = Key("reason", text(LONGEST_REASON), "Why it is paused.", default="")
UNTIL: Final = Key("until", instant(), "When it fires again by itself.")
OVERLAP: Final = Key(
    "overlap", choice(_OVERLAPS), "What happens where an earlier fire runs.", default="allow"
)
START: Final = Key("start", instant(), "The first time that is fired.", is_required=True)
END: Final = Key("end", instant(), "The last time that is fired.", is_required=True)
EACH_OVERLAP: Final = OVERLAP._replace(default="buffer_all")
EVERY: Final = Key("every", seconds(86_400), "Seconds between two starts.", default=0.0)
PREVIEW: Final = Key(
    "preview", flag(), "Whether the times are told and nothing is fired.", default=False
)
