"""Registries that mean harm, or that answer nonsense: a clear error, and nothing is left."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import EngineError, RegistryError
from engine.images.configuration import parse_configuration
from engine.registry.manifest import Document, check_whole, parse
from tests.engine.images.conftest import Machine
from tests.fakes.registry import INDEX, MANIFEST, FakeRegistry, digest_of, tar_of

pytestmark = [pytest.mark.root, pytest.mark.anyio]

LOW = tar_of({"a": b"1"})
NAME = "library/app"
OCI = "application/vnd.oci.image."


@pytest.mark.parametrize(
    "diff_id",
    [
        "",
        ".",
        "sha256:.",
        "sha256:..",
        "sha256:../..",
        "/etc",
        "sha256:/etc",
        "sha512:" + "0" * 64,
        "sha256:" + "g" * 64,
    ],
)
async def test_a_layers_digest_cannot_lead_elsewhere_on_disk(
    machine: Machine, registry: FakeRegistry, diff_id: str
) -> None:
    registry.put_image(NAME, "1", [LOW], diff_ids=[diff_id or " "])
    with pytest.raises(RegistryError, match="not a digest of a layer"):
        await machine.pull("app:1")
    assert machine.files() == []
    assert machine.images.all() == []


@pytest.mark.parametrize(
    "digest", ["", "sha256:../../etc/passwd", "sha512:" + "0" * 128, "md5:0", "sha256:" + "A" * 64]
)
@pytest.mark.parametrize("part", ["config", "layers", "manifests"])
async def test_nor_can_the_digests_of_manifests(
    machine: Machine, registry: FakeRegistry, part: str, digest: str
) -> None:
    wrong = {"mediaType": f"{OCI}config.v1+json", "digest": digest, "size": 5}
    right = {**wrong, **registry.put_blob(NAME, b"{}")}
    if part == "manifests":
        entry = {**wrong, "platform": {"os": "linux", "architecture": "amd64"}}
        registry.put_manifest(NAME, "1", {"manifests": [entry]}, INDEX)
    else:
        layer = {**wrong, "mediaType": f"{OCI}layer.v1.tar"}
        document = {"config": wrong, "layers": []} if part == "config" else {"config": right, "layers": [layer]}
        registry.put_manifest(NAME, "1", document)
    with pytest.raises(RegistryError, match="is not supported"):
        await machine.pull("app:1")
    assert machine.files() == []


async def test_an_index_in_an_index_is_not_followed(machine: Machine, registry: FakeRegistry) -> None:
    platform = {"os": "linux", "architecture": "amd64"}
    inner = registry.put_manifest(NAME, "", {"manifests": []}, INDEX)
    registry.put_manifest(NAME, "1", {"manifests": [{**inner, "platform": platform}]}, INDEX)
    with pytest.raises(EngineError):
        await machine.pull("app:1")
    assert machine.files() == []


async def test_an_index_that_claims_to_be_its_own_entry_is_found_out(machine: Machine, registry: FakeRegistry) -> None:
    entry = {"mediaType": INDEX, "digest": "sha256:" + "1" * 64, "size": 5}
    platform = {"os": "linux", "architecture": "amd64"}
    registry.put_manifest(NAME, "1", {"manifests": [{**entry, "platform": platform}]}, INDEX)
    registry.answers[f"/v2/{NAME}/manifests/{entry['digest']}"] = registry.answers[f"/v2/{NAME}/manifests/1"]
    with pytest.raises(RegistryError, match="not sha256:1111"):
        await machine.pull("app:1")
    assert machine.files() == []


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b'"x"', b"1e999", b"<html>", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000,
        b'{"schemaVersion": 1}', b'{"schemaVersion": "2"}', b'{"schemaVersion": 2}',
        b'{"schemaVersion": 2, "config": null, "layers": null}',
        b'{"schemaVersion": 2, "manifests": [null]}', b'{"schemaVersion": 2, "manifests": [{}]}',
        b'{"schemaVersion": 2, "config": {"digest": 5, "size": "x"}, "layers": []}',
        b'{"schemaVersion": 2, "mediaType": 7}', b'{"schemaVersion": 2, "layers": {}}',
        b'{"schemaVersion": 2, "config": {"digest": "x", "size": -1}, "layers": []}',
        b'{"schemaVersion": 2, "config": {"digest": "x", "size": 99999999999999999999999}, "layers": []}',
    ],
)  # fmt: skip
async def test_a_manifest_that_is_nonsense_is_an_error(machine: Machine, registry: FakeRegistry, body: bytes) -> None:
    registry.answers[f"/v2/{NAME}/manifests/1"] = (MANIFEST, body)
    with pytest.raises(EngineError):
        await machine.pull("app:1")
    assert machine.files() == []


@pytest.mark.parametrize(
    "config",
    [
        b"", b"null", b"[]", b"{", b"7", b"[" * 100_000,
        b'{"rootfs": null}', b'{"rootfs": {"diff_ids": "x"}}', b'{"rootfs": {"diff_ids": [5]}}', b'{"config": []}',
        b'{"config": {"Env": "x"}}', b'{"history": 5}', b'{"created": 5}',
    ],
)  # fmt: skip
async def test_a_config_that_is_nonsense_is_an_error(machine: Machine, registry: FakeRegistry, config: bytes) -> None:
    blob = {"mediaType": f"{OCI}config.v1+json", **registry.put_blob(NAME, config)}
    layer = {"mediaType": f"{OCI}layer.v1.tar", **registry.put_blob(NAME, LOW)}
    registry.put_manifest(NAME, "1", {"config": blob, "layers": [layer]})
    with pytest.raises(EngineError):
        await machine.pull("app:1")
    assert machine.files() == []


async def test_a_layer_whose_size_is_a_lie_is_refused(machine: Machine, registry: FakeRegistry) -> None:
    registry.put_image(NAME, "1", [LOW])
    body = json.loads(registry.answers[f"/v2/{NAME}/manifests/1"][1])
    body["layers"][0]["size"] -= 1
    registry.put_manifest(NAME, "1", body)
    with pytest.raises(RegistryError, match="longer than promised"):
        await machine.pull("app:1")
    body["layers"][0]["size"] += 2
    registry.put_manifest(NAME, "1", body)
    with pytest.raises(RegistryError, match="shorter than promised"):
        await machine.pull("app:1")
    assert machine.files() == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
DESCRIPTOR = st.fixed_dictionaries(
    {},
    optional={
        "mediaType": st.sampled_from([MANIFEST, INDEX, f"{OCI}config.v1+json", f"{OCI}layer.v1.tar"]) | JSON,
        "digest": st.just("sha256:" + "0" * 64) | JSON,
        "size": st.integers() | JSON,
        "platform": st.fixed_dictionaries({}, optional={"os": JSON, "architecture": JSON}) | JSON,
    },
)
MANIFESTS = st.fixed_dictionaries(
    {},
    optional={
        "schemaVersion": st.just(2) | JSON,
        "mediaType": st.sampled_from([MANIFEST, INDEX]) | JSON,
        "config": DESCRIPTOR | JSON,
        "layers": st.lists(DESCRIPTOR | JSON) | JSON,
        "manifests": st.lists(DESCRIPTOR | JSON) | JSON,
    },
)
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "architecture": JSON,
        "os": JSON,
        "created": JSON,
        "rootfs": st.fixed_dictionaries({}, optional={"type": JSON, "diff_ids": JSON}) | JSON,
        "history": st.lists(st.fixed_dictionaries({}, optional={"created_by": JSON, "empty_layer": JSON})) | JSON,
        "config": st.dictionaries(st.sampled_from(["Env", "Cmd", "Labels", "Volumes", "Healthcheck"]), JSON) | JSON,
    },
)
fuzzed = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def body_of(document: Any) -> bytes:
    return json.dumps(document).encode()


@fuzzed
@given(MANIFESTS)
def test_whatever_a_manifest_says_it_is_read_or_refused(document: Any) -> None:
    made = Document(digest_of(body_of(document)), MANIFEST, body_of(document))
    try:
        check_whole(made)
        parse(made)
    except EngineError:
        return


@fuzzed
@given(CONFIGS)
def test_whatever_a_config_says_it_is_read_or_refused(document: Any) -> None:
    try:
        parse_configuration("sha256:0", body_of(document))
    except EngineError:
        return
