"""The variables that a document uses, as `docker compose config --variables` lists them."""

from __future__ import annotations

import pytest

from compose.load.text.used import UsedVariable, used_variables


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("$A", [UsedVariable("A")]),
        ("${A}", [UsedVariable("A")]),
        ("${A:-x}", [UsedVariable("A", default_value="x")]),
        ("${A-x}", [UsedVariable("A", default_value="x")]),
        ("${A:+x}", [UsedVariable("A", presence_value="x")]),
        ("${A+x}", [UsedVariable("A", presence_value="x")]),
        ("${A:?why}", [UsedVariable("A", required=True)]),
        ("${A?}", [UsedVariable("A", required=True)]),
        ("$$A and $${B}", []),
        ("${A:-${B:-c}}", [UsedVariable("A", default_value="${B:-c}"), UsedVariable("B", default_value="c")]),
        ("${A}/${B:-x}/$C", [UsedVariable("A"), UsedVariable("B", default_value="x"), UsedVariable("C")]),
    ],
)
def test_an_expression_tells_name_default_alternate_and_whether_it_is_required(
    text: str, variables: list[UsedVariable]
) -> None:
    assert used_variables({"a": [text]}) == {variable.name: variable for variable in variables}


def test_of_several_uses_the_last_counts() -> None:
    assert used_variables(["${A:-x}", "$A"]) == {"A": UsedVariable("A")}


def test_only_texts_are_looked_at_and_keys_are_not() -> None:
    assert used_variables({"$A": [1, None, True]}) == {}
