"""`--call`: questions about a Dockerfile are answered without building it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.builder.order import BuildOrder
from engine.buildkit.solving.questions import answer, rule_page
from engine.errors import NotImplementedHere

TEXT = """\
ARG V=1
FROM a AS one
RUN --mount=type=secret,id=s,required=true --mount=type=cache,target=/c true
FROM one AS two
ARG W
CMD echo hi
"""


def told(question: str, order: BuildOrder | None = None, text: str = TEXT) -> tuple[Any, str]:
    found = answer(question, order or BuildOrder(), text)
    return json.loads(found["result.json"]), found["result.txt"].decode()


def test_checks_tell_rules_places_and_an_exit_code() -> None:
    found, text = told("frontend.lint")
    (warning,) = found["warnings"]
    assert warning["ruleName"] == "JSONArgsRecommended"
    assert warning["location"]["ranges"][0]["start"] == {"line": 6}
    assert " >>> CMD echo hi" in text
    assert answer("frontend.lint", BuildOrder(), TEXT)["result.statuscode"] == b"1"
    assert answer("frontend.lint", BuildOrder(), "FROM a\n")["result.statuscode"] == b"0"


def test_a_broken_dockerfile_is_a_finding_of_its_own() -> None:
    found, _ = told("frontend.lint", text="FROM a\nNOPE\n")
    assert found["buildError"]["location"]["ranges"][0]["start"] == {"line": 2}


def test_targets_are_the_stages_with_names_and_the_last() -> None:
    found, text = told("frontend.targets")
    assert [(target["name"], target.get("default", False)) for target in found["targets"]] == [
        ("one", False),
        ("two", True),
    ]
    assert "two (default)" in text


def test_the_outline_has_what_a_target_takes() -> None:
    found, _ = told("frontend.outline", BuildOrder(args={"W": "9"}))
    assert {arg["name"]: arg.get("value") for arg in found["args"]} == {"V": "1", "W": "9"}
    assert [(secret["name"], secret["required"]) for secret in found["secrets"]] == [("s", True)]
    assert [cache["ID"] for cache in found["cache"]] == ["/c"]


def test_an_unknown_question_is_refused() -> None:
    with pytest.raises(NotImplementedHere):
        told("frontend.poem")


def test_rules_have_pages() -> None:
    assert rule_page("JSONArgsRecommended").endswith("/json-args-recommended/")
    assert rule_page("FromAsCasing").endswith("/from-as-casing/")
