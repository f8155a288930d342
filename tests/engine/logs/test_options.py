"""Log options: what is kept, what goes with messages, and what is refused in Docker's words."""

from __future__ import annotations

import pytest

from engine.errors import BadRequest
from engine.logs.options import attributes, check, details, retention, tag
from engine.logs.rotation import Retention


def refusal(driver: str, options: dict[str, str], *, has_journal: bool = False) -> str:
    with pytest.raises(BadRequest) as caught:
        check(driver, options, has_journal=has_journal)
    return caught.value.message


@pytest.mark.parametrize(
    ("driver", "options", "words"),
    [
        ("fax", {}, "logger: no log driver named 'fax' is registered"),
        ("syslog", {}, "the log driver syslog is not supported"),
        ("journald", {}, "journald is not enabled on this host"),
        ("json-file", {"size": "1"}, "unknown log opt 'size' for json-file log driver"),
        ("local", {"labels": "a"}, "unknown log opt 'labels' for log driver local"),
        ("json-file", {"max-size": "abc"}, "invalid size: 'abc'"),
        ("json-file", {"max-size": "-1"}, "invalid size: '-1'"),
        ("json-file", {"max-size": "10q"}, "invalid suffix: 'q'"),
        ("json-file", {"max-size": "0"}, "max-size must be a positive number"),
        ("local", {"max-size": "abc"}, "invalid value for max-size: abc: invalid size: 'abc'"),
        ("json-file", {"max-file": "0"}, "max-file cannot be less than 1"),
        ("json-file", {"max-file": "x"}, 'strconv.Atoi: parsing "x": invalid syntax'),
        ("json-file", {"compress": "yes"}, 'strconv.ParseBool: parsing "yes": invalid syntax'),
        (
            "json-file",
            {"compress": "true", "max-file": "2"},
            "compress cannot be true when max-file is less than 2 or max-size is not set",
        ),
        ("local", {"max-file": "1"}, "compression cannot be enabled when max file count is 1"),
        ("json-file", {"mode": "fast"}, "logger: logging mode not supported: fast"),
        (
            "json-file",
            {"max-buffer-size": "4m"},
            "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
        ),
        (
            "local",
            {"mode": "non-blocking", "max-buffer-size": "x"},
            "error parsing option max-buffer-size: invalid size: 'x'",
        ),
    ],
)
def test_what_cannot_be_honoured_is_refused_in_dockers_words(driver: str, options: dict[str, str], words: str) -> None:
    assert refusal(driver, options) == words


def test_a_broken_pattern_is_refused() -> None:
    assert refusal("json-file", {"labels-regex": "("}).startswith("error parsing regexp: ")


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("10m", 10_000_000), ("1.5k", 1500), ("7", 7), ("1kb", 1000), ("1KiB", 1000), ("2 G", 2 * 10**9), ("5b", 5)],
)
def test_sizes_are_decimal_as_in_docker(text: str, size_bytes: int) -> None:
    assert retention("json-file", {"max-size": text}) == Retention(size_bytes)


def test_the_drivers_differ_in_what_they_keep_by_default() -> None:
    assert retention("json-file", {"max-file": "3"}) is None
    assert retention("local", {}) == Retention(20 << 20, files=5, is_compressed=True)
    assert retention("local", {"max-size": "1m", "max-file": "2", "compress": "false"}) == Retention(1_000_000, files=2)


def test_no_driver_takes_any_option_where_nothing_is_kept() -> None:
    check("none", {"whatever": "1"}, has_journal=False)
    check("journald", {"tag": "x"}, has_journal=True)


def test_labels_and_variables_are_chosen_by_name_and_by_pattern() -> None:
    options = {"labels": "a,b", "labels-regex": "^x", "env": "FOO", "env-regex": "^Z"}
    found = attributes(options, {"a": "1", "c": "2", "xyz": "3"}, ["FOO=4", "BAR=5", "ZED=6 7", "ZONE"])
    assert found == {"a": "1", "xyz": "3", "FOO": "4", "ZED": "6 7"}


def test_details_are_sorted_and_escaped_and_end_with_a_space() -> None:
    assert details({"b": "p,q=r", "a": "1 2", "tag": "x/y"}) == b"a=1+2,b=p%2Cq%3Dr,tag=x%2Fy "
    assert details({}) == b" "


def test_a_tag_is_a_template_of_few_fields() -> None:
    facts = {"Name": "web", "ID": "abc"}
    assert tag("{{.Name}}/{{ .ID }}", facts) == "web/abc"
    for wrong in ("{{.Nope}}", "{{", "{{upper .Name}}"):
        with pytest.raises(BadRequest):
            tag(wrong, facts)
