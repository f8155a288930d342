"""What changed files ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from compose.apply.develop.rules import initial_copies, is_mounted, watched_rules, work_for
from compose.errors import ComposeError
from compose.model.project import Project
from compose.model.service import Build, Mount
from compose.model.tooling import Develop, Hook, WatchRule
from tests.fakes.projects import make_project, make_service

HOOK = Hook(("reload",))


def project(*rules: WatchRule, context: str = "/src") -> Project:
    return make_project(make_service("web", build=Build(context), develop=Develop(rules)))


def test_each_action_asks_for_its_own_work() -> None:
    rules = watched_rules(
        project(
            WatchRule("/src/app", "sync", "/app"),
            WatchRule("/src/conf", "sync+restart", "/conf"),
            WatchRule("/src/gen", "sync+exec", "/gen", HOOK),
            WatchRule("/src/requirements.txt", "rebuild"),
            WatchRule("/src/env", "restart"),
        ),
        ["web"],
    )
    work = work_for(["/src/app/a/b", "/src/conf/c", "/src/gen/1", "/src/gen/2", "/src/other"], rules)
    assert work.copies == {
        "web": {"/app/a/b": "/src/app/a/b", "/conf/c": "/src/conf/c", "/gen/1": "/src/gen/1", "/gen/2": "/src/gen/2"}
    }
    assert (work.restarts, work.rebuilds, work.hooks) == ({"web"}, set(), {"web": [HOOK]})
    assert work_for(["/src/requirements.txt"], rules).rebuilds == {"web"}
    assert work_for(["/src/env"], rules).restarts == {"web"}


def test_a_file_goes_to_the_target_itself() -> None:
    rules = watched_rules(project(WatchRule("/src/one.conf", "sync", "/etc/one.conf")), ["web"])
    assert work_for(["/src/one.conf"], rules).copies == {"web": {"/etc/one.conf": "/src/one.conf"}}


def test_neighbours_with_the_same_beginning_are_not_below() -> None:
    rules = watched_rules(project(WatchRule("/src/app", "sync", "/app")), ["web"])
    assert work_for(["/src/application"], rules).copies == {}


@pytest.mark.parametrize("path", ["/src/a.pyc", "/src/.git/HEAD", "/src/sub/.file.swp", "/src/x~", "/src/.idea/w.xml"])
def test_patterns_editors_and_version_control_are_ignored(path: str) -> None:
    rules = watched_rules(project(WatchRule("/src", "sync", "/app", ignore=("**/*.pyc",))), ["web"])
    assert work_for([path], rules).copies == {}


def test_only_what_is_included_counts() -> None:
    rules = watched_rules(project(WatchRule("/src", "sync", "/app", include=("**/*.py",))), ["web"])
    assert work_for(["/src/a.py", "/src/b.txt"], rules).copies == {"web": {"/app/a.py": "/src/a.py"}}


def test_what_the_build_ignores_is_ignored_too(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("secret\n")
    rules = watched_rules(project(WatchRule(str(tmp_path), "sync", "/app"), context=str(tmp_path)), ["web"])
    assert work_for([f"{tmp_path}/secret", f"{tmp_path}/open"], rules).copies == {
        "web": {"/app/open": f"{tmp_path}/open"}
    }


def test_directories_in_which_nothing_matters_are_passed_over() -> None:
    [watched] = watched_rules(project(WatchRule("/src/app", "sync", "/app", ignore=("node_modules/",))), ["web"])
    assert watched.passes_over("/src/app/node_modules")
    assert watched.passes_over("/src/other")
    assert not watched.passes_over("/src/app/lib")
    assert not watched.passes_over("/src")


def test_exceptions_keep_a_directory_watched() -> None:
    rule = WatchRule("/src", "sync", "/app", ignore=("lib", "!lib/mine"))
    [watched] = watched_rules(project(rule), ["web"])
    assert not watched.passes_over("/src/lib")
    assert watched.concerns("/src/lib/mine")


def test_only_rules_with_initial_sync_copy_at_the_beginning() -> None:
    rules = watched_rules(
        project(
            WatchRule("/src/a", "sync", "/a", initial_sync=True),
            WatchRule("/src/b", "sync", "/b"),
            WatchRule("/src/c", "sync+restart", "/c", initial_sync=True),
        ),
        ["web"],
    )
    work = initial_copies(["/src/a/1", "/src/b/1", "/src/c/1"], rules)
    assert work.copies == {"web": {"/a/1": "/src/a/1", "/c/1": "/src/c/1"}}
    assert (work.restarts, work.rebuilds, work.hooks) == (set(), set(), {})


def test_a_rebuild_needs_a_build() -> None:
    service = make_service("web", develop=Develop((WatchRule("/src", "rebuild"),)))
    with pytest.raises(ComposeError, match="has no `build`") as caught:
        watched_rules(make_project(service), ["web"])
    assert caught.value.subject == ("services", "web", "develop", "watch", 0)


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(ComposeError, match="is not closed"):
        watched_rules(project(WatchRule("/src", "sync", "/app", ignore=("[a",))), ["web"])


def test_what_is_mounted_needs_no_copies() -> None:
    service = make_service("web", volumes=(Mount("bind", "/app", "/src"), Mount("volume", "/data", "data")))
    assert is_mounted(service, "/src/app")
    assert not is_mounted(service, "/other")
