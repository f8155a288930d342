"""What is too large, or wrong too often, is told about in little time and memory."""

from __future__ import annotations

import pytest

from compose.load.text.files import MOST_BYTES
from tests.fakes.directory import Directory


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("include: [/dev/zero]", "0:0 cannot read /dev/zero"),
        ("services: {a: {extends: {file: /dev/zero, service: a}}}", "0:0 cannot read /dev/zero"),
        ("services: {a: {image: x, env_file: /dev/zero}}", "1:36 cannot read the env file /dev/zero"),
        ("services: {a: {image: x, label_file: /dev/zero}}", "1:38 cannot read the label file /dev/zero"),
    ],
)
def test_a_file_without_an_end_is_refused(directory: Directory, text: str, complaint: str) -> None:
    assert directory.complaints(text) == [f"{complaint}: it has more than {MOST_BYTES:,} bytes"]


def test_standard_input_is_bounded_as_well(directory: Directory) -> None:
    problems = directory.complaints(files=("-",), stdin=lambda: b"#" * (MOST_BYTES + 1))
    assert problems == [f"0:0 cannot read <stdin>: it has more than {MOST_BYTES:,} bytes"]


def test_each_of_very_many_mistakes_is_shown_with_its_line(directory: Directory) -> None:
    problems = directory.problems("services: {a: {image: x}}\n" + "x-a: 1\n" * 3_000)
    assert len(problems) == 2_999
    assert {problem.source for problem in problems} == {"x-a: 1"}
