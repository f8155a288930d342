"""Which mounts a container gets."""

from __future__ import annotations

import pytest

from engine.containers.making.mounts import in_order, oci_mount, plan_mounts
from engine.containers.making.tmpfs import tmpfs_words
from engine.containers.record import MountRecord
from engine.errors import BadRequest, NoSuchContainer
from engine.runtime.oci.launch import OciMount
from engine.wire.containers import ContainerConfig, HostConfig
from engine.wire.mounts import BindOptions, ImageOptions, Mount, TmpfsOptions, VolumeOptions

NO_OTHERS: dict[str, list[MountRecord]] = {}


def plan(host: HostConfig, *, volumes: tuple[str, ...] = (), others: dict[str, list[MountRecord]] = NO_OTHERS) -> str:
    """The mounts, one a line: destination, kind, source or name, flags."""
    config = ContainerConfig(volumes={path: {} for path in volumes})
    return "\n".join(describe(mount.record) for mount in plan_mounts(config, host, others.__getitem__))


def describe(mount: MountRecord) -> str:
    flags = {
        "ro": mount.is_read_only,
        "nocopy": mount.kind == "volume" and not mount.is_seeded,
        "made": mount.is_created,
        "anonymous": mount.is_anonymous,
        mount.propagation: mount.propagation not in ("", "rprivate"),
    }
    words = [mount.destination, mount.kind, mount.name or mount.source or "-", *(flag for flag in flags if flags[flag])]
    return " ".join(words)


def bind(target: str = "/a", *, read_only: bool = False, **options: object) -> Mount:
    made = BindOptions(**options)  # type: ignore[arg-type]
    return Mount(type="bind", source="/x", target=target, read_only=read_only, bind_options=made)


def tmpfs(*words: list[str], **options: int) -> Mount:
    return Mount(type="tmpfs", target="/x", tmpfs_options=TmpfsOptions(options=list(words), **options))


def test_binds_are_host_paths_volumes_or_anonymous() -> None:
    binds = ["/host:/a", "/host/:/b/:ro,rslave", "data:/c:nocopy", "/d", "data:/e/f:ro"]
    assert plan(HostConfig(binds=binds)) == (
        "/a bind /host made\n"
        "/b bind /host ro made rslave\n"
        "/c volume data nocopy\n"
        "/d volume - anonymous\n"
        "/e/f volume data ro"
    )


def test_mounts_name_their_kind() -> None:
    mounts = [
        Mount(type="bind", source="/x", target="/a", read_only=True),
        Mount(type="bind", source="/x", target="/b", bind_options=BindOptions(create_mountpoint=True)),
        Mount(type="volume", target="/c"),
        Mount(type="volume", source="data", target="/d", volume_options=VolumeOptions(subpath="in/side")),
        Mount(type="tmpfs", target="/e"),
        Mount(type="image", source="alpine", target="/f", image_options=ImageOptions(subpath="etc")),
    ]
    assert plan(HostConfig(mounts=mounts)) == (
        "/a bind /x ro\n/b bind /x made\n/c volume - anonymous\n/d volume data nocopy\n/e tmpfs -\n/f image alpine ro"
    )


def test_the_images_volumes_yield_to_what_the_user_mounts_there() -> None:
    host = HostConfig(binds=["data:/data"], tmpfs={"/run": "size=1m"})
    assert plan(host, volumes=("/data", "/run", "/more")) == "/data volume data\n/run tmpfs -\n/more volume - anonymous"


def test_a_relative_volume_of_an_image_is_below_the_root_wherever_the_program_begins() -> None:
    assert plan(HostConfig(), volumes=("data", "./more/")) == "/data volume - anonymous\n/more volume - anonymous"


def test_volumes_of_another_container_are_taken_over_and_can_be_overridden() -> None:
    donor = [
        MountRecord(kind="volume", destination="/data", name="data", is_anonymous=True),
        MountRecord(kind="bind", destination="/conf", source="/etc"),
        MountRecord(kind="tmpfs", destination="/tmp"),
    ]
    host = HostConfig(volumes_from=["donor:ro"], binds=["/other:/conf"])
    assert plan(host, others={"donor": donor}) == "/data volume data ro nocopy anonymous\n/conf bind /other made"


def test_parents_are_mounted_before_what_is_below_them() -> None:
    host = HostConfig(binds=["a:/x/y/z", "b:/x", "c:/x/y"])
    assert [line.split()[0] for line in plan(host).splitlines()] == ["/x", "/x/y", "/x/y/z"]


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (HostConfig(binds=["a:b:c:d"]), "invalid volume specification: 'a:b:c:d'"),
        (HostConfig(binds=["/a:/b:rx"]), "invalid mode: rx"),
        (HostConfig(binds=["/a:/b:ro,rw"]), "invalid mode: ro,rw"),
        (HostConfig(binds=["/a:b"]), "mount path must be absolute"),
        (HostConfig(binds=["/a:/"]), "destination can't be '/'"),
        (HostConfig(binds=["/a:/x", "/b:/x/"]), "Duplicate mount point: /x"),
        (HostConfig(binds=["a:/x"], mounts=[Mount(target="/x")]), "Duplicate mount point: /x"),
        (HostConfig(mounts=[Mount(type="bind", target="/x")]), 'type "bind": field Source must not be empty'),
        (HostConfig(mounts=[Mount(type="bind", source="x", target="/x")]), "mount path must be absolute"),
        (HostConfig(mounts=[Mount(type="volume")]), "field Target must not be empty"),
        (HostConfig(mounts=[Mount(type="tmpfs", source="x", target="/x")]), "field Source must not be specified"),
        (HostConfig(mounts=[Mount(type="floppy", target="/x")]), "mount type unknown"),
        (
            HostConfig(mounts=[Mount(source="v", target="/x", volume_options=VolumeOptions(subpath="../up"))]),
            "subpath must be a relative path",
        ),
        (HostConfig(volumes_from=[":ro"]), "cannot be an empty string"),
        (HostConfig(binds=["/a:/x:nocopy"]), 'type "bind": field VolumeOptions must not be specified'),
        (HostConfig(binds=["a:/x:rshared"]), 'type "volume": field BindOptions must not be specified'),
        (
            HostConfig(mounts=[Mount(type="bind", source="/x", target="/x", volume_options=VolumeOptions())]),
            'VolumeOptions must not be specified on mount type "bind"',
        ),
        (HostConfig(mounts=[Mount(type="tmpfs", target="/")]), 'type "tmpfs": invalid specification: destination'),
        (HostConfig(mounts=[tmpfs(["uid", "5"])]), 'type "tmpfs": invalid option: uid'),
        (HostConfig(mounts=[tmpfs(["exec", "a", "b"])]), "invalid option array length"),
        (HostConfig(tmpfs={"/x": "bla=1"}), 'invalid tmpfs option "bla"'),
        (
            HostConfig(mounts=[bind(read_only_non_recursive=True)]),
            "mount options conflict: !ReadOnly && BindOptions.ReadOnlyNonRecursive",
        ),
        (
            HostConfig(mounts=[bind(read_only=True, read_only_force_recursive=True, propagation="shared")]),
            "mount options conflict",
        ),
    ],
)
def test_impossible_mounts_are_refused_in_dockers_words(host: HostConfig, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        plan(host)


def test_another_container_must_be_there_for_its_volumes_to_be_taken() -> None:
    def nobody(name: str) -> list[MountRecord]:
        raise NoSuchContainer(name)

    with pytest.raises(BadRequest, match="No such container: donor"):
        plan_mounts(ContainerConfig(), HostConfig(volumes_from=["donor"]), nobody)


def test_a_volume_does_not_hide_the_generated_files_below_it() -> None:
    mounts = [OciMount(path, "/s", "bind", ("rbind",)) for path in ("/etc/hosts", "/dev/shm", "/etc", "/etc/hosts/x")]
    assert [mount.destination for mount in in_order(mounts)] == ["/etc", "/etc/hosts", "/dev/shm", "/etc/hosts/x"]


def test_a_tmpfs_has_dockers_options_unless_it_wants_others() -> None:
    assert tmpfs_words("") == ("noexec", "nosuid", "nodev")
    assert tmpfs_words("exec,size=1m,size=2m,uid=5") == ("nosuid", "nodev", "exec", "size=2m", "uid=5")
    config = HostConfig(mounts=[tmpfs(["exec"], size_bytes=1024, mode=0o750)])
    (planned,) = plan_mounts(ContainerConfig(), config, NO_OTHERS.__getitem__)
    assert planned.record.options == ("nosuid", "nodev", "exec", "size=1024", "mode=750")


def test_read_only_means_everything_below_unless_the_user_says_otherwise() -> None:
    host = HostConfig(mounts=[bind(read_only=True), bind("/b", read_only=True, read_only_non_recursive=True)])
    options = [
        oci_mount(item.record, "/x").options for item in plan_mounts(ContainerConfig(), host, NO_OTHERS.__getitem__)
    ]
    assert options == [("rbind", "rprivate", "ro", "rro"), ("rbind", "rprivate", "ro")]
    file = MountRecord(kind="bind", destination="/f", source="/x", is_read_only=True)
    assert oci_mount(file, "/x", can_nest=False).options == ("rbind", "rprivate", "ro")


def test_a_mount_without_those_below_it_has_no_recursive_option() -> None:
    host = HostConfig(mounts=[bind(read_only=True, non_recursive=True)])
    (planned,) = plan_mounts(ContainerConfig(), host, NO_OTHERS.__getitem__)
    assert oci_mount(planned.record, "/x").options == ("bind", "private", "ro")


def test_the_runtime_gets_bind_options_and_tmpfs_options() -> None:
    bind = MountRecord(kind="bind", destination="/a", source="/x", is_read_only=True, propagation="rslave")
    assert oci_mount(bind, "/x").options == ("rbind", "rslave", "ro", "rro")
    tmpfs = MountRecord(kind="tmpfs", destination="/t", options=("noexec", "size=1m"))
    assert (oci_mount(tmpfs, ".").type, oci_mount(tmpfs, ".").options) == ("tmpfs", ("noexec", "size=1m"))
