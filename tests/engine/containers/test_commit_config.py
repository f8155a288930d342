"""The config of an image that is made of a container."""

from __future__ import annotations

from engine.containers.files.commit import CommitOptions, configured, portable
from engine.containers.record import ContainerRecord
from engine.images.configuration import HistoryEntry
from engine.images.record import Image
from engine.storage.layers import CapturedLayer
from engine.wire.containers import ContainerConfig, HostConfig

EMPTY = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
BASE = Image(
    id="sha256:" + "b" * 64,
    config=ContainerConfig(),
    chain_ids=["sha256:1"],
    diff_ids=["sha256:1"],
    architecture="arm64",
    variant="v8",
    history=[HistoryEntry(created_by="base")],
)
BOX = ContainerRecord(
    id="c" * 64,
    name="box",
    created_ns=0,
    image="base",
    image_id=BASE.id,
    config=ContainerConfig(
        hostname="cccccccccccc", image="base", tty=True, attach_stdout=True, cmd=["sh", "-c", "x"], env=["A=1", "B=2"]
    ),
    host_config=HostConfig(),
)


def layer(diff_id: str) -> CapturedLayer:
    return CapturedLayer(diff_id, diff_id, 5)


def test_the_image_of_a_container_has_its_config_and_one_layer_and_step_more() -> None:
    made = configured(BOX, BOX.config, CommitOptions(author="me", comment="why"), layer("sha256:2"), BASE, 0)
    assert made.rootfs.diff_ids == ["sha256:1", "sha256:2"]
    assert (made.architecture, made.variant, made.os) == ("arm64", "v8", "linux")
    assert (made.config.cmd, made.config.env) == (["sh", "-c", "x"], ["A=1", "B=2"])
    assert made.history == [
        HistoryEntry(created_by="base"),
        HistoryEntry(created="1970-01-01T00:00:00.000000000Z", created_by="sh -c x", author="me", comment="why"),
    ]


def test_a_container_that_wrote_nothing_adds_no_layer() -> None:
    made = configured(BOX, BOX.config, CommitOptions(), layer(EMPTY), BASE, 0)
    assert made.rootfs.diff_ids == ["sha256:1"]
    assert made.history[-1].empty_layer


def test_what_is_asked_for_comes_before_the_containers_own_and_is_completed_by_it() -> None:
    wish = ContainerConfig(cmd=["y"], env=["B=3"], on_build=["RUN z"])
    made = configured(BOX, wish, CommitOptions(), layer("sha256:2"), BASE, 0)
    assert (made.config.cmd, made.config.env, made.config.on_build) == (["y"], ["B=3", "A=1"], ["RUN z"])


def test_an_image_has_nothing_of_the_one_container() -> None:
    config = portable(BOX.config)
    assert (config.hostname, config.image, config.tty, config.attach_stdout) == ("", "", False, False)
