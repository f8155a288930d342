"""The empty lists that docker compose's JSON has as `null`: those that none of its stages has made anew.

Its YAML, like ours, has `[]` for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compose.load.merging.unique import UNIQUE, Identity
from compose.load.rules import Rules, compile_rules

# Lists of names and values: looking them up in the environment, when the project is normalised, makes nulls of them.
_LOOKED_UP = compile_rules({"services.*.environment": True, "services.*.build.args": True})


def with_nulls(document: Mapping[str, Any], *, is_interpolated: bool, is_normalised: bool) -> dict[str, Any]:
    """Return the document as `config --format json` prints it.

    With interpolation the lists of known attributes are left out when they are empty, or meant to be: only what
    `x-` keys hold at the top is as the files had it.
    """
    if is_interpolated:
        return {key: _nulls(value, None, None) if key.startswith("x-") else value for key, value in document.items()}
    nulls: dict[str, Any] = _nulls(document, UNIQUE, _LOOKED_UP if is_normalised else None)
    return nulls


def _nulls(value: Any, made: Rules[Identity] | None, lost: Rules[bool] | None) -> Any:
    if isinstance(value, dict):
        return {key: _nulls(entry, made and made.at(key), lost and lost.at(key)) for key, entry in value.items()}
    if isinstance(value, list):
        is_made = made is not None and made.rule is not None and not (lost is not None and lost.rule)
        return [_nulls(item, None, None) for item in value] or ([] if is_made else None)
    return value
