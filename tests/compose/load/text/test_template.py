from __future__ import annotations

import pytest

from compose.load.text.template import TemplateError, substitute

VALUES = {"SET": "value", "EMPTY": "", "OTHER": "other"}


def expand(text: str) -> str:
    return substitute(text, VALUES.get, lambda _: None)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", "plain"),
        ("$SET", "value"),
        ("${SET}", "value"),
        ("a-${SET}-b", "a-value-b"),
        ("$SET$OTHER", "valueother"),
        ("${SET}:${OTHER}", "value:other"),
        ("${UNSET}", ""),
        ("$$SET", "$SET"),
        ("$$$$", "$$"),
        ("cost: $5", "cost: $5"),
        ("${UNSET:-default}", "default"),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY-default}", ""),
        ("${UNSET-default}", "default"),
        ("${SET:-default}", "value"),
        ("${SET:+there}", "there"),
        ("${EMPTY:+there}", ""),
        ("${EMPTY+there}", "there"),
        ("${UNSET+there}", ""),
        ("${SET:?no}", "value"),
        ("${EMPTY?no}", ""),
        ("${UNSET:-${OTHER}}", "other"),
        ("${UNSET:-${ALSO:-${SET}}}", "value"),
        ("${UNSET:-a-${SET}-b} and ${OTHER}", "a-value-b and other"),
        ('${UNSET:-{"a": {"b": 1}}}', '{"a": {"b": 1}}'),
        ("${UNSET:-{}}", "{}"),
        ("${UNSET:-http://host:80/?a=b}", "http://host:80/?a=b"),
        ("${UNSET:-$$x}", "$x"),
    ],
)
def test_variables_are_replaced_by_the_rules_of_the_specification(text: str, result: str) -> None:
    assert expand(text) == result


@pytest.mark.parametrize("text", ["${", "${}", "${1}", "${A B}", "${A!}", "${SET:-a\nb}"])
def test_a_brace_that_begins_no_variable_is_an_error(text: str) -> None:
    with pytest.raises(TemplateError, match="invalid interpolation") as caught:
        expand(text)
    assert "$$" in caught.value.hint


@pytest.mark.parametrize("text", ["${UNSET?}", "${UNSET:?}", "${EMPTY:?}"])
def test_a_required_variable_that_is_not_set_is_an_error(text: str) -> None:
    with pytest.raises(TemplateError, match=r"required variable `(UNSET` is not set|EMPTY` is empty)$"):
        expand(text)


def test_the_reason_of_a_required_variable_is_part_of_the_error_and_may_have_variables() -> None:
    with pytest.raises(TemplateError, match="required variable `UNSET` is not set: see value"):
        expand("${UNSET:?see ${SET}}")


def test_each_variable_that_is_not_set_is_noticed_unless_it_has_a_default() -> None:
    noticed: list[str] = []
    substitute("$A ${B} ${C:-x} ${D-} $SET", VALUES.get, noticed.append)
    assert noticed == ["A", "B"]


def test_a_long_line_of_variables_is_no_problem_and_a_deep_nest_is_an_error() -> None:
    assert expand("${UNSET:-x}" * 2000) == "x" * 2000
    with pytest.raises(TemplateError, match="nested more than"):
        expand("${UNSET:-" * 500 + "}" * 500)


def test_a_long_text_is_not_repeated_in_full() -> None:
    with pytest.raises(TemplateError) as caught:
        expand("${A" * 10_000)
    assert len(str(caught.value)) < 300
