"""Where credentials are found and kept: Docker's config.json and its helpers."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from compose.apply import credentials as credentials_module
from compose.apply.credentials import DOCKER_HUB, CredentialStore, key_of
from compose.errors import ComposeError
from engine.wire.images import AuthConfig

pytestmark = pytest.mark.anyio

HELPER = """\
#!/bin/sh
read -r given
echo "$1" >> {log}
case $1:$given in
  get:has.one) echo '{{"ServerURL":"has.one","Username":"me","Secret":"s3cret"}}' ;;
  get:has.token) echo '{{"ServerURL":"has.token","Username":"<token>","Secret":"tok"}}' ;;
  get:is.odd) echo '{{"Secret":"s3cret"}}' ;;
  get:is.broken) echo 'keychain locked'; exit 1 ;;
  get:*) echo 'credentials not found in native keychain'; exit 1 ;;
esac
"""


def store(place: Path, document: object = None, **environment: str) -> CredentialStore:
    if document is not None:
        (place / "config.json").write_text(document if isinstance(document, str) else json.dumps(document))
    return CredentialStore(place, {"PATH": os.environ["PATH"], **environment})


def joint(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def with_helper(place: Path, document: dict[str, Any]) -> CredentialStore:
    program = place / "docker-credential-fake"
    program.write_text(HELPER.format(log=place / "log"))
    program.chmod(0o755)
    return store(place, document, PATH=f"{place}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("registry", "key"),
    [
        ("docker.io", DOCKER_HUB),
        ("", DOCKER_HUB),
        ("https://index.docker.io/v1/", DOCKER_HUB),
        ("registry-1.docker.io", DOCKER_HUB),
        ("host:5000", "host:5000"),
        ("https://host:5000/v2/", "host:5000"),
        ("http://ghcr.io", "ghcr.io"),
    ],
)
def test_a_registry_has_one_key_however_it_is_written(registry: str, key: str) -> None:
    assert key_of(registry) == key


@pytest.mark.parametrize(
    ("image", "user"),
    [
        ("redis", "hub"),
        ("docker.io/me/x:1", "hub"),
        ("ghcr.io/a/b", "git"),
        ("localhost:5000/x", None),
        ("me/x", "hub"),
    ],
)
async def test_an_image_gets_the_credentials_of_its_registry(tmp_path: Path, image: str, user: str | None) -> None:
    auths = {DOCKER_HUB: {"auth": joint("hub:pa:ss")}, "https://ghcr.io/v2/": {"username": "git", "password": "p"}}
    found = await store(tmp_path, {"auths": auths}).for_image(image)
    assert (found.username if found else None) == user
    if user == "hub":
        assert found == AuthConfig(username="hub", password="pa:ss", serveraddress=DOCKER_HUB)


async def test_a_variable_may_hold_credentials_and_goes_before_the_file(tmp_path: Path) -> None:
    in_variable = json.dumps({"auths": {"a.b": {"auth": joint("variable:p")}}})
    auths = {"a.b": {"auth": joint("file:p")}, "c.d": {"auth": joint("file:p")}}
    found = store(tmp_path, {"auths": auths}, DOCKER_AUTH_CONFIG=in_variable)
    assert {key: auth.username for key, auth in (await found.everything()).items()} == {
        "a.b": "variable",
        "c.d": "file",
    }
    with pytest.raises(ComposeError, match="DOCKER_AUTH_CONFIG is not a JSON object"):
        await store(tmp_path, None, DOCKER_AUTH_CONFIG="czNjcmV0").for_registry("a.b")


async def test_without_a_file_or_with_an_empty_entry_there_are_none(tmp_path: Path) -> None:
    assert await store(tmp_path).for_image("redis") is None
    assert await store(tmp_path, "").for_image("redis") is None
    assert await store(tmp_path, {"auths": {DOCKER_HUB: {}}}).for_image("redis") is None


async def test_an_identity_token_is_used_instead_of_a_password(tmp_path: Path) -> None:
    found = await store(tmp_path, {"auths": {"a.b": {"auth": joint("me:"), "identitytoken": "tok"}}}).for_registry(
        "a.b"
    )
    assert found == AuthConfig(username="me", serveraddress="a.b", identitytoken="tok")


@pytest.mark.parametrize("document", ["{", "[]", {"auths": {"a.b": {"auth": "czNjcmV0"}}}])
async def test_what_cannot_be_read_names_the_file_and_shows_no_secret(tmp_path: Path, document: object) -> None:
    with pytest.raises(ComposeError) as raised:
        await store(tmp_path, document).for_registry("a.b")
    assert str(tmp_path / "config.json") in raised.value.message
    assert "czNjcmV0" not in str(raised.value)
    assert "s3cret" not in str(raised.value)


async def test_a_helper_of_one_registry_goes_before_that_of_all(tmp_path: Path) -> None:
    found = with_helper(tmp_path, {"credsStore": "missing", "credHelpers": {"has.one": "fake", "has.token": "fake"}})
    assert await found.for_registry("has.one") == AuthConfig(username="me", password="s3cret", serveraddress="has.one")
    assert await found.for_registry("has.token") == AuthConfig(identitytoken="tok", serveraddress="has.token")
    with pytest.raises(ComposeError, match="docker-credential-missing cannot be run"):
        await found.for_registry("another")


async def test_what_a_helper_does_not_know_is_no_error_but_a_failure_is(tmp_path: Path) -> None:
    found = with_helper(tmp_path, {"credsStore": "fake"})
    assert await found.for_registry("has.none") is None
    with pytest.raises(ComposeError, match="docker-credential-fake get failed: keychain locked"):
        await found.for_registry("is.broken")
    with pytest.raises(ComposeError) as raised:
        await found.for_registry("is.odd")
    assert "s3cret" not in str(raised.value)


async def test_a_helper_that_does_not_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials_module, "_HELPER_SECONDS", 0.1)  # the only way not to wait for two minutes
    found = with_helper(tmp_path, {"credsStore": "fake"})
    (tmp_path / "docker-credential-fake").write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(ComposeError, match="did not answer"):
        await found.for_registry("has.one")


async def test_a_helper_is_asked_once_per_registry(tmp_path: Path) -> None:
    found = with_helper(tmp_path, {"credsStore": "fake"})
    for _ in range(3):
        await found.for_registry("has.one")
    assert (tmp_path / "log").read_text() == "get\n"


async def test_a_build_gets_all_that_there_are(tmp_path: Path) -> None:
    auths = {"a.b": {"auth": joint("me:p")}, DOCKER_HUB: {"auth": joint("hub:p")}, "empty": {}}
    found = with_helper(tmp_path, {"auths": auths, "credHelpers": {"has.one": "fake"}})
    assert sorted(await found.everything()) == ["a.b", "has.one", DOCKER_HUB]


async def test_logging_in_keeps_what_else_the_file_says_and_hides_it_from_others(tmp_path: Path) -> None:
    kept = store(tmp_path, {"auths": {"old": {"auth": joint("a:b")}}, "detachKeys": "ctrl-x"})
    where = await kept.keep("new:5000", AuthConfig(username="me", password="pässword"))
    assert where == str(tmp_path / "config.json")
    document = json.loads((tmp_path / "config.json").read_text())
    assert document == {
        "auths": {"old": {"auth": joint("a:b")}, "new:5000": {"auth": joint("me:pässword")}},
        "detachKeys": "ctrl-x",
    }
    assert (tmp_path / "config.json").stat().st_mode & 0o777 == 0o600
    found = await kept.for_registry("new:5000")
    assert found
    assert found.password == "pässword"
    assert await kept.forget("https://new:5000/v1/") is True
    assert await kept.forget("new:5000") is False
    assert list(json.loads((tmp_path / "config.json").read_text())["auths"]) == ["old"]


async def test_a_token_is_kept_instead_of_the_password(tmp_path: Path) -> None:
    kept = store(tmp_path)
    await kept.keep("a.b", AuthConfig(username="me", password="s3cret", identitytoken="tok"))
    text = (tmp_path / "config.json").read_text()
    assert json.loads(text)["auths"]["a.b"] == {"auth": joint("me:"), "identitytoken": "tok"}


async def test_a_config_that_is_a_symlink_stays_one(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "config.json").symlink_to("dotfiles/docker.json")
    await store(tmp_path).keep("a.b", AuthConfig(username="me", password="p"))
    assert (tmp_path / "config.json").is_symlink()
    assert (tmp_path / "dotfiles/docker.json").exists()
