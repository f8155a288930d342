"""Images as each version of the API shows them."""

from __future__ import annotations

from typing import Any

import pytest

from engine.api.image_views import inspected, listed
from engine.api.platforms import platform_of, platform_text
from engine.errors import BadRequest
from engine.wire.containers import ContainerConfig, HealthConfig
from engine.wire.http import Version
from engine.wire.images import ImageInspect, ImageSummary

IMAGE = ImageInspect(
    id="sha256:1",
    size=7,
    config=ContainerConfig(cmd=["run"], healthcheck=HealthConfig(test=["CMD", "ok"], retries=3), stop_signal="SIGINT"),
)


def shown(version: Version) -> dict[str, Any]:
    return inspected(IMAGE, version)


def test_a_config_says_what_docker_says_and_leaves_out_what_is_a_containers() -> None:
    assert shown((1, 51))["Config"] == {
        "User": "",
        "Env": None,
        "Cmd": ["run"],
        "Volumes": None,
        "WorkingDir": "",
        "Entrypoint": None,
        "OnBuild": None,
        "Labels": None,
        "Healthcheck": {"Test": ["CMD", "ok"], "Retries": 3},
        "StopSignal": "SIGINT",
    }


@pytest.mark.parametrize(
    ("field", "ended"), [("VirtualSize", (1, 44)), ("ContainerConfig", (1, 45)), ("Config.Hostname", (1, 50))]
)
def test_what_newer_versions_dropped_is_there_for_older_ones(field: str, ended: Version) -> None:
    outer, _, inner = field.partition(".")

    def has(version: Version) -> bool:
        answer = shown(version)
        return inner in answer[outer] if inner else outer in answer

    assert has((ended[0], ended[1] - 1))
    assert not has(ended)


def test_a_listing_has_the_virtual_size_of_old() -> None:
    summary = ImageSummary(id="sha256:1", size=7)
    assert listed(summary, (1, 51)) == summary
    old = listed(summary, (1, 24))
    assert isinstance(old, dict)
    assert old["VirtualSize"] == 7


def test_a_platform_comes_as_json() -> None:
    assert platform_text("") == ""
    assert platform_text('{"os":"linux","architecture":"arm64","variant":"v8"}') == "linux/arm64/v8"
    assert platform_text('{"os":"Linux","architecture":"x86_64","os.version":"1"}') == "linux/amd64"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", "failed to parse platform"),
        ("[]", "failed to parse platform"),
        ('"linux/amd64"', "failed to parse platform"),
        ("null", "both OS and Architecture must be provided"),
        ('{"os":"linux"}', "both OS and Architecture must be provided"),
        ('{"variant":"v8"}', "optional platform fields provided"),
    ],
)
def test_what_is_no_platform_is_refused_in_dockers_words(text: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        platform_of(text)
