from __future__ import annotations

import pytest

from engine.client.calls import Parameters
from engine.errors import BadRequest
from engine.wire.http import (
    NEWEST,
    Query,
    cleaned_target,
    format_target,
    parse_target,
    quoted,
    request_head,
    stdio_content_type,
    wants_upgrade,
)


def test_a_target_has_a_version_a_path_and_parameters() -> None:
    target = parse_target("/v1.41/containers/json?all=1&filters=%7B%7D")
    assert (target.path, target.version) == ("/containers/json", (1, 41))
    assert target.query.flag("all")
    assert target.query.text("filters") == "{}"


def test_a_whole_url_counts_by_its_path() -> None:
    target = parse_target("http://docker/v1.41/info?a=1")
    assert (target.path, target.version, target.query.text("a")) == ("/info", (1, 41), "1")


def test_without_a_version_the_newest_is_meant() -> None:
    assert parse_target("/_ping").version == NEWEST


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/v1.99/info", "client version 1.99 is too new. Maximum supported API version is 1.51"),
        ("/v2.0/info", "client version 2.0 is too new"),
        ("/v9/info", "client version 9 is too new"),
        ("/v1.12/info", "client version 1.12 is too old. Minimum supported API version is 1.24, please upgrade"),
    ],
)
def test_a_version_that_is_not_spoken_is_refused_in_dockers_words(target: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words.replace(".", r"\.")):
        parse_target(target)


@pytest.mark.parametrize("text", ["0", "no", "false", "none", "", " FALSE "])
def test_a_boolean_is_false_only_in_these_spellings(text: str) -> None:
    assert not Query(f"flag={text}").flag("flag", default=True)


@pytest.mark.parametrize("text", ["1", "true", "yes", "2", "anything"])
def test_every_other_boolean_is_true(text: str) -> None:
    assert Query(f"flag={text}").flag("flag")


def test_a_parameter_that_is_absent_has_its_default() -> None:
    query = Query("a=1&a=2&empty=")
    assert query.flag("missing", default=True)
    assert query.text("missing", "x") == "x"
    assert query.texts("a") == ["1", "2"]
    assert (query.number("a"), query.number("empty"), query.number("missing")) == (1, None, None)


def test_a_number_that_is_none_is_refused_by_its_name() -> None:
    with pytest.raises(BadRequest, match="'ten' of parameter t"):
        Query("t=ten").number("t")


def test_a_formatted_target_leaves_out_what_is_not_set() -> None:
    parameters: Parameters = {"all": True, "size": False, "limit": 0, "name": "", "since": None, "tail": "a b"}
    assert format_target("/x", parameters, "1.51") == "/v1.51/x?all=1&limit=0&tail=a+b"
    assert format_target("/x", {}) == "/x"


def test_names_in_paths_keep_their_slashes_and_lose_their_traps() -> None:
    assert quoted("library/app:1@sha256:ab") == "library/app:1@sha256:ab"
    assert parse_target(f"/images/{quoted('a?b#c d%')}/json").path == "/images/a?b#c d%/json"


def test_the_media_type_of_stdio_tells_frames_from_bytes_since_1_42() -> None:
    assert stdio_content_type((1, 42), is_tty=False).endswith("multiplexed-stream")
    assert stdio_content_type((1, 42), is_tty=True).endswith("raw-stream")
    assert stdio_content_type((1, 41), is_tty=False).endswith("raw-stream")


def test_an_upgrade_needs_both_headers() -> None:
    assert wants_upgrade({"connection": "keep-alive, Upgrade", "upgrade": "tcp"})
    assert not wants_upgrade({"upgrade": "tcp"})
    assert not wants_upgrade({"connection": "Upgrade", "upgrade": "h2c"})


@pytest.mark.parametrize(
    ("target", "clean"),
    [
        ("//containers/json", "/containers/json"),
        ("/v1.47//containers/json", "/v1.47/containers/json"),
        ("/containers/../info", "/info"),
        ("/v1.47/./info?x=1", "/v1.47/info?x=1"),
        ("/images/a//b/json", "/images/a/b/json"),
        ("/a%20b//c/", "/a%20b/c/"),
        ("/../..", "/"),
    ],
)
def test_paths_that_are_not_clean_are_redirected_as_docker_does(target: str, clean: str) -> None:
    assert cleaned_target(target) == clean


@pytest.mark.parametrize(
    "target", ["/", "/info", "/containers/json/", "/containers/json?path=//a/../b", "/images/a..b/json", "/x/.env"]
)
def test_clean_paths_stay(target: str) -> None:
    assert cleaned_target(target) == ""


@pytest.mark.parametrize("target", ["/a b", "/a\r\nX: y", "", "/ä"])
def test_a_target_that_would_be_read_as_something_else_is_refused(target: str) -> None:
    with pytest.raises(BadRequest):
        request_head("GET", target, [])


@pytest.mark.parametrize(
    ("name", "value"), [("X: y\r\nZ", "1"), ("", "1"), ("X", "1\r\nY: 2"), ("X", "\0"), ("X", "€")]
)
def test_a_header_that_would_be_read_as_another_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadRequest, match="header"):
        request_head("GET", "/", [(name, value)])


def test_the_head_of_a_request_is_its_lines_and_an_empty_one() -> None:
    assert request_head("GET", "/info?a=1", [("Host", "docker"), ("X", "")]) == (
        b"GET /info?a=1 HTTP/1.1\r\nHost: docker\r\nX: \r\n\r\n"
    )
