"""Keeps secrets out of everything that is stored, by the names that they go by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: What stands in the place of a secret.
REDACTED = "[redacted]"

#: Names that mark a value as secret, wherever they are part of a key: ``token`` also
#: marks ``access_token``, ``accessToken`` and ``X-Token``, but not ``max_tokens``.
SENSITIVE_NAMES = (
    "access_key",
    "api_key",
    "auth",
    "authorization",
    "bearer",
    "card_number",
    "cookie",
    "cookies",
    "credential",
    "credentials",
    "csrf_middleware_token",
    "csrf_token",
    "cvc",
    "cvv",
    "dsn",
    "jwt",
    "otp",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "private_key",
    "pwd",
    "secret",
    "secrets",
    "session_id",
    "session_key",
    "token",
)

#: Shorter secrets are not looked for in texts: every other word would be torn apart.
SHORTEST_IN_TEXT = 4

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN_WORDS = re.compile(r"[^a-z0-9]+")
_URL_PASSWORD = re.compile(r"(?<=://)[^\s/@:]{0,256}:[^\s/@]{1,256}(?=@)")


class Redactor:
    """
    Replaces the values under sensitive keys, and remembers them to find them in texts.

    >>> redactor = Redactor()
    >>> redactor.redact({"user": "ann", "login": [{"accessToken": "hunter2"}]})
    {'user': 'ann', 'login': [{'accessToken': '[redacted]'}]}
    >>> redactor.redact_text("ValueError: hunter2 was refused")
    'ValueError: [redacted] was refused'
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = _USUAL_NAMES | {"".join(_words(name)) for name in names}
        self._secrets: set[str] = set()
        self.has_redacted = False

    def is_sensitive(self, key: str) -> bool:
        """Return whether *key* holds a sensitive name as one or more whole words."""
        words = _words(key)
        return any(
            "".join(words[start:end]) in self._names
            for start in range(len(words))
            for end in range(start + 1, len(words) + 1)
        )

    def redact(self, value: Any) -> Any:
        """Return *value* with what is secret in it replaced, at any depth."""
        if isinstance(value, Mapping):
            return {
                key: self._hide(item) if self._marks(key, item) else self.redact(item)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.redact(item) for item in value]
        return value

    def redact_positional(self, values: Sequence[Any], names: Sequence[str]) -> list[Any]:
        """Return *values* redacted, each also by the name of its parameter in *names*."""
        named = [*names[: len(values)], *[""] * (len(values) - len(names))]
        return [
            self._hide(value) if self._marks(name, value) else self.redact(value)
            for name, value in zip(named, values, strict=True)
        ]

    def redact_text(self, text: str) -> str:
        """Return *text* without the secrets seen so far and without passwords in URLs."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, REDACTED)
        return _URL_PASSWORD.sub(REDACTED, text)

    def _marks(self, key: object, value: object) -> bool:
        # None and booleans under such a key (password=None, token=False) tell nothing.
        return (
            isinstance(key, str)
            and value is not None
            and not isinstance(value, bool)
            and self.is_sensitive(key)
        )

    def _hide(self, value: Any) -> str:
        self.has_redacted = True
        for leaf in _leaves(value):
            written = {str(leaf), repr(leaf)[1:-1] if isinstance(leaf, str) else repr(leaf)}
            self._secrets.update(text for text in written if len(text) >= SHORTEST_IN_TEXT)
        return REDACTED


@lru_cache(maxsize=4096)
def _words(name: str) -> tuple[str, ...]:
    return tuple(word for word in _BETWEEN_WORDS.split(_HUMP.sub("_", name).lower()) if word)


def _leaves(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _leaves(item)
    elif value is not None and not isinstance(value, bool):
        yield value


_USUAL_NAMES = frozenset("".join(_words(name)) for name in SENSITIVE_NAMES)
