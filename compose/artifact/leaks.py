"""What looks like a secret in something that is about to be published.

Known forms of credentials are told by their looks, passwords by the name that they stand under or by being random. That
is a question for the user's eyes, no proof: both kinds of mistakes happen.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

_FORMS: Final = tuple(
    (what, re.compile(form))
    for what, form in (
        ("private key", r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY"),
        ("AWS access key", r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA)[A-Z0-9]{16}\b"),
        ("Azure storage key", r"AccountKey=[A-Za-z0-9+/]{86}=="),
        ("Docker Hub token", r"\bdckr_(?:pat|oat)_[\w-]{20,}"),
        ("GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22,})"),
        ("GitLab token", r"\bglpat-[\w-]{20,}"),
        ("Google API key", r"\bAIza[\w-]{35}\b"),
        ("JSON web token", r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}(?:\.[\w-]+)?"),
        ("Mailchimp key", r"\b[0-9a-f]{32}-us\d{1,2}\b"),
        ("npm token", r"\bnpm_[A-Za-z0-9]{36}\b|:_authToken=[^\s$]"),
        ("PyPI token", r"\bpypi-[\w-]{50,}"),
        ("SendGrid key", r"\bSG\.[\w-]{22}\.[\w-]{43}"),
        ("Slack token", r"\bxox[abeoprs]-[\w-]{10,}|\bxapp-\d[\w-]{10,}|hooks\.slack\.com/services/T\w+/B\w+/\w+"),
        ("Square token", r"\bsq0(?:atp|csp)-[\w-]{22,}"),
        ("Stripe key", r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{24,}"),
        ("Twilio key", r"\b(?:AC|SK)[0-9a-fA-F]{32}\b"),
        ("HTTP credentials", r"(?i)\b(?:basic|bearer) +(?!realm)[\w+/=.-]{16,}"),
        ("URL with password", r"\b[a-z][a-z0-9+.-]*://[^\s:/@]*:(?!\$)[^\s:/@]+@[^\s]"),
    )
)
_NAMES: Final = re.compile(
    r"(?i)passw(?:or)?d|passphrase|\bpwd|_pwd|secret|token|(?:api|access|auth|account|client|service|priv(?:ate)?)[-_]?key"
    r"|(?:db|database|key)[-_]?pass"
)
_ASSIGNED: Final = re.compile(r"^\s*(?:export\s+)?[\"']?([\w.-]+)[\"']?\s*[:=]\s*[\"']?(.+?)[\"']?\s*,?\s*$")
_RANDOM: Final = re.compile(r"[A-Za-z0-9+/_=-]{16,}")
# Bits per character: words and names have less than four, random base64 of some length more than five.
_BITS_UNDER_A_NAME: Final = 4.0
_BITS_ANYWHERE: Final = 5.0
_LONGEST_SHOWN: Final = 80


class Leak(Struct, frozen=True):
    """Something that looks like a secret, where it stands and what it looks like."""

    key: str
    what: str
    value: str

    @property
    def shown(self) -> str:
        """The value in one line, or the beginning of it."""
        first, *others = self.value.strip().splitlines()
        return f"{first[:_LONGEST_SHOWN]}…" if others or len(first) > _LONGEST_SHOWN else first


def leaks_in(document: Mapping[str, Any]) -> list[Leak]:
    """What a document has, by the paths of its values (`services.web.environment.TOKEN`). Each value is named once."""
    return [leak for path, value in _values(document, "") if (leak := _leak(path, value))]


def leaks_in_text(name: str, text: str) -> list[Leak]:
    """What a file of lines `NAME=value` has; other lines are looked at as well."""
    found: list[Leak] = []
    for number, line in enumerate(text.splitlines(), start=1):
        match = _ASSIGNED.match(line)
        key, value = (match[1], match[2]) if match else (f"line {number}", line.strip())
        if leak := _leak(f"{name}: {key}", value):
            found.append(leak)
    return found


def _leak(path: str, value: str) -> Leak | None:
    for what, form in _FORMS:
        if form.search(value):
            return Leak(path, what, value)
    if value.startswith("$"):
        return None  # a variable: its value is elsewhere
    if _NAMES.search(path.rpartition(".")[2]) and _bits(value) >= _BITS_UNDER_A_NAME:
        return Leak(path, "value under the name of a secret", value)
    if any(_bits(word) > _BITS_ANYWHERE for word in _RANDOM.findall(value)):
        return Leak(path, "random text", value)
    return None


def _bits(text: str) -> float:
    """Shannon's entropy in bits per character."""
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())


def _values(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _values(entry, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _values(item, f"{path}[{index}]")
