from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurring_jobs.runs.redaction import REDACTED, Redactor

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["name", "count", "tokens", "author"]), inner)
    ),
    max_leaves=10,
)


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "PASSWORD",
        "user_password",
        "accessToken",
        "X-Api-Key",
        "stripe_api_key",
        "APIKEY",
        "Authorization",
        "client-secret",
        "sentry.dsn",
        "Set-Cookie",
    ],
)
def test_a_sensitive_name_is_found_in_any_spelling(key):
    """
    Snake case, camel case, header case and prefixes all mark a secret.
    """
    assert Redactor().redact({key: "hunter2"}) == {key: REDACTED}


@pytest.mark.parametrize("key", ["tokens_used", "secretary", "author", "passwordless", "name"])
def test_a_word_that_only_holds_a_sensitive_one_is_none(key):
    """
    Names are compared by whole words.
    """
    assert Redactor().redact({key: "kept"}) == {key: "kept"}


def test_names_of_the_project_are_added():
    """
    A name given is sensitive beside the built-in ones.
    """
    redactor = Redactor(["iban"])

    assert redactor.redact({"iban": "DE00", "customerIban": 7, "pwd": "x"}) == {
        "iban": REDACTED,
        "customerIban": REDACTED,
        "pwd": REDACTED,
    }


@pytest.mark.parametrize("value", [None, True, False], ids=str)
def test_what_tells_nothing_is_kept(value):
    """
    None and booleans under a sensitive key are no secrets.
    """
    redactor = Redactor()

    assert redactor.redact({"token": value}) == {"token": value}
    assert not redactor.has_redacted


def test_a_positional_argument_is_known_by_its_parameter():
    """
    A positional value is secret where its parameter's name is.
    """
    redactor = Redactor()

    assert redactor.redact_positional(("ann", "hunter2", 3), ("user", "password")) == [
        "ann",
        REDACTED,
        3,
    ]


def test_secrets_are_found_again_in_texts():
    """
    A text loses the secrets seen before, also where they are quoted, and passwords in URLs.
    """
    redactor = Redactor()
    redactor.redact({"auth": {"user": "ann-marie", "password": "hun\nter2"}, "pwd": 12345})

    text = redactor.redact_text(
        "ann-marie 'hun\\nter2' 12345 redis://:swordfish@cache/0 https://host/path?a=b:c@d"
    )

    assert text == (
        f"{REDACTED} '{REDACTED}' {REDACTED} redis://{REDACTED}@cache/0 https://host/path?a=b:c@d"
    )


@given(value=plain)
def test_what_holds_no_secret_is_left_as_it_is(value):
    """
    Without sensitive keys the value comes back equal, whatever its shape.
    """
    redactor = Redactor()

    assert redactor.redact(value) == value
    assert not redactor.has_redacted
