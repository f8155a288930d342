from __future__ import annotations

import pytest

from engine.builder.dockerfile.problem import DockerfileError
from engine.builder.dockerfile.source import Statement, read_source


def statements(text: str) -> list[Statement]:
    return list(read_source(text).statements)


def test_continued_lines_are_one_statement_and_comments_between_them_vanish() -> None:
    (found,) = statements("RUN one && \\\n  # said nothing\n\n    two \\  \n && three\n")
    assert (found.keyword, found.arguments, found.line) == ("RUN", "one &&     two  && three", 1)


def test_a_comment_is_only_one_at_the_beginning_of_a_line() -> None:
    assert [item.arguments for item in statements("# no\n  # no\nRUN echo # yes\n")] == ["echo # yes"]


def test_an_escaped_escape_does_not_continue_the_line() -> None:
    assert [item.keyword for item in statements("RUN echo \\\\\nRUN two")] == ["RUN", "RUN"]


def test_directives_are_read_only_at_the_top() -> None:
    source = read_source("# syntax=docker/dockerfile:1\n# escape=`\n\n# check=skip=all\nRUN a `\n b\n")
    assert (source.syntax, source.escape, source.check) == ("docker/dockerfile:1", "`", "")
    assert source.statements[0].arguments == "a  b"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# escape=x\nFROM a", "Dockerfile:2: invalid ESCAPE 'x'"),
        ("# escape=`\n# escape=`\nFROM a", "Dockerfile:2: only one escape parser directive"),
        ("FROM a\nRUN <<EOF\nls\n", "Dockerfile:2: unterminated heredoc"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_line(text: str, problem: str) -> None:
    with pytest.raises(DockerfileError, match=problem):
        read_source(text)


def test_flags_stand_before_the_arguments() -> None:
    (found,) = statements('COPY --chown=1:2 --exclude="a b" --link x --y /z')
    assert found.flags == ("--chown=1:2", "--exclude=a b", "--link")
    assert found.arguments == "x --y /z"


def test_a_here_document_ends_at_its_name() -> None:
    run, after = statements("RUN <<EOF\n# kept\n  two \\\nEOF\nRUN three")
    assert run.heredocs[0].content == "# kept\n  two \\\n"
    assert run.heredocs[0].expands
    assert (after.arguments, after.line) == ("three", 5)


def test_a_quoted_name_keeps_variables_and_a_dash_strips_tabs() -> None:
    (found,) = statements("COPY <<'one' <<-\"two\" /d/\n$x\none\n\t\tindented\n\ttwo\n")
    one, two = found.heredocs
    assert (one.content, one.expands) == ("$x\n", False)
    assert (two.content, two.expands, two.raw) == ("indented\n", False, "\t\tindented\n")


def test_other_instructions_have_no_here_documents() -> None:
    assert [item.keyword for item in statements("ENV a=<<EOF\nRUN x")] == ["ENV", "RUN"]


def test_windows_line_ends_and_a_byte_order_mark_are_fine() -> None:
    assert [item.arguments for item in statements("\ufeffFROM a\r\nRUN b \\\r\n c\r\n")] == ["a", "b  c"]


def test_the_last_line_may_end_in_a_continuation() -> None:
    assert [item.arguments for item in statements("RUN a \\")] == ["a"]
