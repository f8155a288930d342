"""What the command line accepts, prints and ends with, as far as no engine is needed."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from compose.cli.group import COMMANDS, cli
from compose.cli.parsing.moment import moment
from compose.cli.pointing import pointing
from compose.cli.run_group import run
from compose.cli.session import Session
from compose.cli.up.bringing_up import traced
from compose.cli.up.options import UpRequest, parse_scale
from compose.cli.up.plan_file import saved
from compose.errors import ComposeError, Location, Problem, UsageError
from compose.load.pipeline import LoadRequest, load
from compose.load.text.files import MOST_BYTES
from tests.fakes.projects import make_project, make_service

FILE = """\
name: app
services:
  web:
    image: nginx:1.27
    ports: ["8080:80"]
    depends_on: [db]
  db:
    image: postgres:16
    volumes: ["data:/data"]
  debug:
    image: tools
    profiles: [debug]
volumes:
  data:
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a project, no engine, and no variables that mean something."""
    (tmp_path / "compose.yaml").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    for name in ("COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES", "DOCKER_HOST"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def pycompose(*arguments: str) -> int:
    return run("pycompose", arguments)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_there_and_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert pycompose(name, "--help") == 0
    assert f"pycompose {name}" in capsys.readouterr().out


def test_the_group_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert pycompose("--help") == 0
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in COMMANDS)
    assert cli.name == "cli"


def test_config_prints_the_project_as_yaml_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert pycompose("config") == 0
    assert capsys.readouterr().out.startswith("name: app\nservices:\n")
    assert pycompose("config", "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["services"]["web"]["image"] == "nginx:1.27"
    assert "debug" not in document["services"]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("--services",), {"web", "db"}),
        (("--volumes",), {"data"}),
        (("--images",), {"nginx:1.27", "postgres:16"}),
        (("--profiles",), {"debug"}),
        (("--services", "db"), {"web", "db"}),
    ],
)
def test_config_prints_names(flags: tuple[str, ...], expected: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert pycompose("config", *flags) == 0
    assert set(capsys.readouterr().out.split()) == expected


def test_config_of_a_service_has_what_it_needs_and_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    assert pycompose("config", "--format", "json", "web") == 0
    assert set(json.loads(capsys.readouterr().out)["services"]) == {"web", "db"}
    assert pycompose("config", "--format", "json", "db") == 0
    assert set(json.loads(capsys.readouterr().out)["services"]) == {"db"}


def test_config_prints_stable_hashes(capsys: pytest.CaptureFixture[str]) -> None:
    assert pycompose("config", "--hash", "*") == 0
    first = capsys.readouterr().out
    assert [line.split()[0] for line in first.splitlines()] == ["db", "web"]
    assert pycompose("config", "--hash", "db") == 0
    assert capsys.readouterr().out in first


def test_config_only_checks_when_quiet_and_writes_where_told(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pycompose("config", "-q") == 0
    assert pycompose("config", "-o", "out.yaml") == 0
    assert capsys.readouterr().out == ""
    assert (project / "out.yaml").read_text().startswith("name: app\n")


def test_profiles_and_names_come_from_the_global_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert pycompose("-p", "other", "--profile", "debug", "config", "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["name"] == "other"
    assert "debug" in document["services"]


def test_a_mistake_is_one_block_with_place_and_caret(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "compose.yaml").write_text("services:\n  web:\n    imgae: nginx\n")
    assert pycompose("up", "-d") == 1
    error = capsys.readouterr().err
    assert error.startswith("compose.yaml:3:5: error: ")
    assert " 3 |     imgae: nginx\n   |     ^^^^^\n" in error


def test_without_a_file_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                  capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "compose.yaml").unlink()
    monkeypatch.chdir(empty)
    assert pycompose("ps") == 1
    assert "hint:" in capsys.readouterr().err


def test_an_unknown_service_is_named_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert pycompose("up", "-d", "wbe") == 1
    assert capsys.readouterr().err == "error: no such service: wbe\nhint: did you mean `web`?\n"
    assert pycompose("up", "-d", "nothing") == 1
    assert capsys.readouterr().err.endswith("\nhint: the project's services: db, debug, web\n")


@pytest.mark.parametrize("arguments", [("up", "--nonsense"), ("nonsense",), ("exec",)])
def test_a_wrong_command_line_fails(arguments: tuple[str, ...]) -> None:
    assert pycompose(*arguments) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--no-ansi", "config", "-q"), "--no-ansi is deprecated: use --ansi never"),
        (("--workdir", ".", "config", "-q"), "--workdir is deprecated: use --project-directory"),
    ],
)
def test_deprecated_flags_say_what_to_use(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pycompose(*arguments) == 0
    assert capsys.readouterr().err == f"warning: {told}\n"


@pytest.mark.parametrize("services", [(), ("web", "db")])
def test_a_number_of_a_container_is_for_one_service(
    services: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert pycompose("logs", "--index", "1", *services) == 1
    assert capsys.readouterr().err.startswith("error: --index is for one service\n")


def test_an_engine_that_does_not_answer_is_an_error_not_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert pycompose("--host", "unix:///nowhere.sock", "ps") == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "/nowhere.sock" in error


def test_an_address_that_is_none_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert pycompose("--host", "nonsense", "ps") == 1
    assert "nonsense" in capsys.readouterr().err


def test_building_and_not_building_contradict_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert pycompose("up", "--build", "--no-build") == 1
    assert "contradict each other" in capsys.readouterr().err


def test_the_version_in_three_forms(capsys: pytest.CaptureFixture[str]) -> None:
    pycompose("version", "--short")
    number = capsys.readouterr().out.strip()
    pycompose("version", "--format", "json")
    assert json.loads(capsys.readouterr().out) == {"version": f"v{number}"}
    pycompose("--version")
    assert capsys.readouterr().out == f"pycompose version v{number}\n"


@pytest.mark.parametrize("option", [("--scale", "nope=2"), ("--attach", "nope"), ("--exit-code-from", "nope")])
def test_options_of_up_name_services_that_there_are(
    option: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert pycompose("up", *option) == 1
    assert f"{option[0]}: no such service: nope" in capsys.readouterr().err


@pytest.mark.parametrize("option", [("--scale", "db=2"), ("--attach", "db"), ("--exit-code-from", "db")])
def test_options_of_up_name_services_that_come_up(option: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert pycompose("up", "--no-deps", *option, "web") == 1
    assert f"{option[0]}: service db is not brought up" in capsys.readouterr().err


@pytest.mark.parametrize("command", [("up", "--scale"), ("plan", "--scale"), ("create", "--scale"), ("scale",)])
def test_a_scale_that_no_machine_has_room_for_is_refused(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert pycompose(*command, f"web={10**20}") == 1
    assert "service web wants more containers than any machine can run" in capsys.readouterr().err


def test_replicas_that_no_machine_has_room_for_are_shown_but_not_brought_up(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "compose.yaml").write_text("services: {web: {image: nginx, deploy: {replicas: 5000000000}}}")
    assert pycompose("config") == 0
    assert pycompose("up", "-d") == 1
    assert "service web wants more containers than any machine can run" in capsys.readouterr().err


def test_files_without_an_end_are_not_read_to_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (tmp_path / "endless").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    assert pycompose("apply", str(tmp_path / "endless")) == 1
    assert f"cannot read {tmp_path}/endless: it has more than" in capsys.readouterr().err
    assert pycompose("run", "--env-from-file", str(tmp_path / "endless"), "web") == 1
    assert f"cannot read {tmp_path}/endless: it has more than" in capsys.readouterr().err


def test_a_plan_of_standard_input_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="standard input cannot be kept"):
        saved(Session({}, tmp_path, files=("-",)), UpRequest(), "{}", "mark")


def test_a_trace_that_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    request = UpRequest(trace_out=str(tmp_path / "nowhere" / "trace.json"))
    with pytest.raises(ComposeError, match="cannot write"), traced(Session({}, tmp_path), request):
        pytest.fail("the work has begun")


def test_options_of_up_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(UsageError):
        UpRequest(force_recreate=True, no_recreate=True).checked()
    with pytest.raises(UsageError):
        UpRequest(detach=True, abort_on_exit=True).checked()


def test_waiting_and_not_starting_imply_the_background() -> None:
    assert UpRequest(wait=True).checked().detach
    assert UpRequest(no_start=True).checked().detach


def test_the_foreground_attaches_to_what_was_named() -> None:
    project = make_project(make_service("web"), make_service("db"), make_service("quiet", attach=False))

    def attached(**options: object) -> list[str]:
        request = UpRequest(**options)  # type: ignore[arg-type]
        return sorted(request.attached(project))

    assert attached() == ["db", "web"]
    assert attached(services=("web",)) == ["web"]
    assert attached(services=("web",), attach_dependencies=True) == ["db", "web"]
    assert attached(attach=("db",)) == ["db"]
    assert attached(no_attach=("db",)) == ["web"]


def test_the_foreground_with_nothing_to_print_stays_with_everything() -> None:
    project = make_project(make_service("web"), make_service("quiet", attach=False))
    assert UpRequest(services=("quiet",)).attached(project) == {"quiet", "web"}


def test_scales_are_numbers_of_services() -> None:
    assert parse_scale(("web=3", "db=0")) == {"web": 3, "db": 0}
    for text in ("web", "=3", "web=many", "web=-1"):
        with pytest.raises(UsageError, match="is not a scale"):
            parse_scale((text,))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("42m", "7480.000000000"),
        ("1h30m", "4600.000000000"),
        ("10s", "9990.000000000"),
        ("2024-05-01T12:00:00Z", "2024-05-01T12:00:00Z"),
        ("1714564800", "1714564800"),
    ],
)
def test_times_may_be_relative(text: str, expected: str) -> None:
    assert moment(text, 10_000.0) == expected


def test_a_date_is_a_time_and_nonsense_is_none() -> None:
    assert moment("2024-05-01T12:00:00+00:00", 0.0) == "2024-05-01T12:00:00+00:00"
    assert float(moment("2024-05-01", 0.0)) == datetime(2024, 5, 1).timestamp()
    with pytest.raises(UsageError, match="`yesterday` is not a time"):
        moment("yesterday", 0.0)


def test_a_failure_after_the_load_points_into_the_file_too() -> None:
    places = load(LoadRequest(cwd=Path.cwd())).places
    with pytest.raises(ComposeError) as caught, pointing(places):
        raise ComposeError("port 8080 is taken", subject=("services", "web", "ports", 0))
    assert caught.value.problems == (
        Problem("port 8080 is taken", Location("compose.yaml", 5, 13), source='    ports: ["8080:80"]'),
    )


def test_an_engine_that_was_named_and_does_not_answer_is_for_the_user_to_check(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert pycompose("--host", "unix:///nowhere.sock", "ps") == 1
    assert "hint: check --host, DOCKER_HOST" in capsys.readouterr().err
