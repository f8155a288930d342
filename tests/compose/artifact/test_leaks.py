"""What looks like a secret, and what does not."""

from __future__ import annotations

import pytest

from compose.artifact.leaks import leaks_in, leaks_in_text


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("AKIA" + "IOSFODNN7EXAMPLE", "AWS access key"),
        ("ghp_" + "abcdefghijklmnopqrstuvwxyz0123456789", "GitHub token"),
        ("glpat-" + "abcdefghij0123456789", "GitLab token"),
        ("xoxb-" + "1234567890-abcdefghijkl", "Slack token"),
        ("sk_live_" + "abcdefghijklmnopqrstuvwx", "Stripe key"),
        ("postgres://user:pass@db/x", "URL with password"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII\n", "private key"),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0In0.x", "JSON web token"),
        ("Authorization: Bearer abcdefghijklmnopqrstuvwxyz", "HTTP credentials"),
        ("0aZ9xK3qLmN7pRtVwYbCdEfGhIjUsO1245", "random text"),
    ],
)
def test_credentials_are_known_by_their_looks(value: str, what: str) -> None:
    (leak,) = leaks_in({"services": {"web": {"environment": {"X": value}}}})
    assert (leak.key, leak.what, leak.value) == ("services.web.environment.X", what, value)


@pytest.mark.parametrize(
    ("name", "value", "is_leak"),
    [
        ("DB_PASSWORD", "q8Z!xv2#Lm9@pT4k", True),
        ("API_KEY", "Xk29fLq0zPw7Rt5v", True),
        ("DB_PASSWORD", "hunter2", False),
        ("DB_PASSWORD", "${PASSWORD:?set a good one, at least 16 signs}", False),
        ("IMAGE", "docker.io/library/postgres:16-alpine", False),
        ("DIGEST", "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb", False),
        ("URL", "postgres://user:${PASSWORD}@db/x", False),
        ("TEXT", "the quick brown fox jumps over the lazy dog", False),
        ("EMPTY", "", False),
    ],
)
def test_passwords_are_known_by_their_names(name: str, value: str, is_leak: bool) -> None:
    assert bool(leaks_in({"environment": {name: value}})) is is_leak


def test_of_long_values_the_beginning_is_shown() -> None:
    (key,) = leaks_in({"key": "-----BEGIN PRIVATE KEY-----\nMII\n"})
    assert key.shown == "-----BEGIN PRIVATE KEY-----…"
    (url,) = leaks_in({"url": "http://me:secret@host/"})
    assert url.shown == "http://me:secret@host/"


def test_lists_are_looked_into() -> None:
    (leak,) = leaks_in({"command": ["run", "--token", "npm_" + "a" * 36]})
    assert leak.key == "command[2]"


def test_env_files_are_looked_at_line_by_line() -> None:
    text = "# comment\nA=1\nexport TOKEN='Xk29fLq0zPw7Rt5v'\n\nnpm_" + "b" * 36 + "\n"
    assert [(leak.key, leak.what) for leak in leaks_in_text("web.env", text)] == [
        ("web.env: TOKEN", "value under the name of a secret"),
        ("web.env: line 5", "npm token"),
    ]
