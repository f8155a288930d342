"""Where the result of a build comes from, as clients read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.buildkit.control.content import content_handlers
from engine.buildkit.control.history import History
from engine.buildkit.messages.content_pb2 import InfoRequest, InfoResponse, ReadContentRequest, ReadContentResponse
from engine.buildkit.messages.history_pb2 import BuildHistoryRecord, BuildHistoryRequest, UpdateBuildHistoryRequest
from engine.buildkit.solving.board import Board
from engine.buildkit.solving.provenance import Facts, predicate, without_credentials
from engine.buildkit.transport.status import CallFailed
from engine.storage.content import digest_of
from tests.engine.buildkit.wires import connected

DIGEST = "sha256:" + 64 * "a"
FACTS = Facts(
    attributes={
        "build-arg:A": "1",
        "filename": "D",
        "platform": "linux/amd64",
        "attest:provenance": "mode=max",
        "local-sessionid:context": "here",
        "context:tools": "https://me:secret@example.org/tools.git",
    },
    dockerfile="D",
    platform="linux/amd64",
    locals={"dockerfile", "context"},
    images={("alpine", "linux/amd64"): DIGEST},
    secrets={"key", "token"},
    required={"key"},
)


def document(facts: Facts) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(predicate(facts, ref="r", started="then", finished="now"))
    return found


def test_it_says_what_was_asked_for_and_nothing_of_the_machine_or_of_passwords() -> None:
    invocation = document(FACTS)["invocation"]
    assert invocation["configSource"] == {"entryPoint": "D"}
    assert invocation["parameters"] == {
        "frontend": "dockerfile.v0",
        "args": {"build-arg:A": "1", "context:tools": "https://xxxxx:xxxxx@example.org/tools.git"},
        "secrets": [{"id": "key"}, {"id": "token", "optional": True}],
        "locals": [{"name": "context"}, {"name": "dockerfile"}],
    }


def test_a_remote_context_is_where_the_configuration_comes_from() -> None:
    facts = Facts(attributes={}, dockerfile="Dockerfile", platform="linux/amd64", remote="https://example.org/a.git")
    found = document(facts)
    assert found["invocation"]["configSource"] == {"uri": "https://example.org/a.git", "entryPoint": "Dockerfile"}
    assert found["invocation"]["parameters"] == {"frontend": "dockerfile.v0"}


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("alpine", "pkg:docker/alpine@latest?platform=linux%2Famd64"),
        ("quay.io/a/b:1", "pkg:docker/quay.io/a/b@1?platform=linux%2Famd64"),
        ("localhost:5000/x:1", "pkg:docker/localhost:5000/x@1?platform=linux%2Famd64"),
        (f"alpine@{DIGEST}", f"pkg:docker/alpine?digest={DIGEST}&platform=linux%2Famd64"),
    ],
)
def test_images_are_packages_with_their_digests(name: str, uri: str) -> None:
    facts = Facts(attributes={}, dockerfile="D", platform="p", images={(name, "linux/amd64"): DIGEST})
    assert document(facts)["materials"] == [{"uri": uri, "digest": {"sha256": 64 * "a"}}]


def test_an_image_that_has_no_name_is_no_material_and_materials_are_never_complete() -> None:
    found = document(Facts(attributes={}, dockerfile="D", platform="p", images={(64 * "b", "p"): DIGEST}))
    assert found["materials"] == []
    assert found["metadata"]["completeness"]["materials"] is False


def test_an_address_without_credentials_is_left_as_it_is() -> None:
    for address in ("local:x", "docker-image://a", "https://example.org/x@v1", "git@example.org:a/b.git"):
        assert without_credentials(address) == address


@pytest.mark.anyio
async def test_a_document_is_read_by_its_digest_whole_or_in_parts(tmp_path: Path) -> None:
    history = History(tmp_path)
    async with history.keeping(BuildHistoryRecord(ref="one"), Board("one").recording) as entry:
        entry.attest(FACTS)
    content = entry.provenance
    async with connected(content_handlers(history)) as (client, _):
        info, read = (f"/containerd.services.content.v1.Content/{name}" for name in ("Info", "Read"))
        async with client.call(info) as call:
            await call.send(InfoRequest(digest=digest_of(content)))
            assert (await call.receive(InfoResponse)).info.size == len(content)
        for offset, size, wanted in (0, 0, content), (0, len(content), content), (3, 5, content[3:8]):
            async with client.call(read) as call:
                await call.send(ReadContentRequest(digest=digest_of(content), offset=offset, size=size))
                assert (await call.receive(ReadContentResponse)).data == wanted


@pytest.mark.anyio
async def test_a_record_names_the_document_by_its_digest_until_the_record_is_deleted(tmp_path: Path) -> None:
    history = History(tmp_path)
    async with history.keeping(BuildHistoryRecord(ref="one"), Board("one").recording) as entry:
        entry.attest(FACTS)
    later = History(tmp_path)
    [event] = [event async for event in later.listen(BuildHistoryRequest(early_exit=True, ref="one"))]
    [statement] = event.record.result.attestations
    assert statement.annotations["in-toto.io/predicate-type"] == "https://slsa.dev/provenance/v0.2"
    content = await later.document(statement.digest)
    assert (digest_of(content), len(content)) == (statement.digest, statement.size)
    assert json.loads(content)["metadata"]["buildInvocationID"] == "one"
    await later.update(UpdateBuildHistoryRequest(ref="one", delete=True))
    with pytest.raises(CallFailed, match="not found"):
        await later.document(statement.digest)
    assert not list((tmp_path / "history").iterdir())
