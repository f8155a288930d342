"""examples/blog: an application in production and at work."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import urllib.error
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.example import EXAMPLES, Example, ask, example, seen
from tests.e2e.machine import Machine, pycompose_command
from tests.e2e.terminal import Terminal
from tests.fakes.ports import free_port

pytestmark = [pytest.mark.root, pytest.mark.net]


@pytest.fixture(scope="module")
def blog(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    """A copy, so that it may be edited."""
    place = tmp_path_factory.mktemp("examples") / "blog"
    shutil.copytree(EXAMPLES / "blog", place)
    with example(machine, place, BLOG_PORT=str(free_port())) as run:
        run("up", "-d", "--wait")
        yield run


def page(blog: Example, path: str = "/") -> str:
    return ask(f"http://127.0.0.1:{blog.variables['BLOG_PORT']}{path}")


def write(blog: Example, slug: str, headline: str, token: str) -> None:
    address = f"http://127.0.0.1:{blog.variables['BLOG_PORT']}/posts/{slug}"
    ask(address, {"headline": headline, "body": "…"}, Authorization=f"Bearer {token}")


def environment(blog: Example) -> dict[str, str]:
    """For programs that the tests run themselves."""
    return {**blog.machine.environment, **blog.variables}


def token(blog: Example) -> str:
    return (blog.directory / "secrets" / "editor_token.txt").read_text().strip()


def test_the_front_serves_pages_of_the_application_and_files_of_its_own(blog: Example) -> None:
    assert '<h1><a href="/">Notes from the harbour</a></h1>' in page(blog)
    assert "The first ship" in page(blog, "/posts/first")
    assert "font-family: serif" in page(blog, "/static/style.css")
    assert blog("logs", "--no-log-prefix", "migrate").stdout == "apply 001-posts\napply 002-by-date\n"


def test_only_who_knows_the_secret_writes_and_what_is_written_outlives_the_containers(blog: Example) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        write(blog, "storm", "A storm", "guessed")
    write(blog, "storm", "Wind & weather", token(blog))
    blog("up", "-d", "--wait", "--force-recreate")
    assert "Wind &amp; weather" in page(blog)
    assert blog("logs", "--no-log-prefix", "migrate").stdout == ""
    assert blog.to_do() == {"start blog-migrate-1"}


def test_a_profile_has_a_backup_made(blog: Example, tmp_path: Path) -> None:
    copy = tmp_path / "blog.db"
    with copy.open("wb") as file:
        command = [*pycompose_command(), "run", "--rm", "-T", "backup"]
        subprocess.run(command, cwd=blog.directory, env=environment(blog), stdout=file, check=True, timeout=60)
    with closing(sqlite3.connect(copy)) as database:
        assert ("first",) in database.execute("SELECT slug FROM posts").fetchall()


def test_readers_are_told_that_the_application_is_away(blog: Example) -> None:
    blog("stop", "application")
    with pytest.raises(urllib.error.HTTPError, match="503") as refused:
        page(blog)
    assert "Gone fishing" in refused.value.read().decode()
    blog("up", "-d", "--wait")
    assert "The first ship" in page(blog)


def test_what_is_edited_is_seen_in_the_next_page(blog: Example) -> None:
    command = [*pycompose_command(), "watch", "--no-up"]
    with Terminal(command, cwd=blog.directory, environment=environment(blog)) as screen:
        screen.expect("Watch enabled")
        template = blog.directory / "blog" / "templates" / "post.html"
        template.write_text(template.read_text().replace("<small>", "<small>On "))
        screen.expect("after 1 changes")
        assert seen(True, lambda: "<small>On 2" in page(blog))
        screen.press("\x03")
        assert screen.wait() == 130
