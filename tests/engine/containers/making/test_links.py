"""Docker's older links: how they are written, what they are called, and what they tell."""

from __future__ import annotations

import pytest

from engine.containers.making import links
from engine.containers.making.links import Link
from engine.containers.record import ContainerRecord
from engine.wire.containers import ContainerConfig, HostConfig

DATABASE = "d" * 64


def record(identity: str, name: str, config: ContainerConfig | None = None, **host: object) -> ContainerRecord:
    settings = HostConfig(**host)  # type: ignore[arg-type]  # whatever the test names
    return ContainerRecord(
        id=identity,
        name=name,
        created_ns=0,
        image="busybox",
        image_id="sha256:0",
        config=config or ContainerConfig(),
        host_config=settings,
    )


WEB = record("e" * 64, "web", links=[f"{DATABASE}:db"])


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("db", Link("db", "db")),
        ("db:store", Link("db", "store")),
        ("/db:/web/store", Link("db", "store")),
    ],
)
def test_links_are_written_in_three_ways(text: str, link: Link) -> None:
    assert links.links_of(HostConfig(links=[text])) == [link]


def test_on_networks_of_the_users_own_links_are_names_and_stay_so() -> None:
    host = HostConfig(network_mode="front", links=["db:store"])
    assert links.links_of(host) == []
    assert links.kept_links(host, lambda name: DATABASE) == ["db:store"]


def test_a_link_is_kept_by_id_and_an_alias_means_the_first_who_has_it() -> None:
    host = HostConfig(links=["db:store", "db:store", "other:store", "db"])
    assert links.kept_links(host, {"db": DATABASE, "other": "f"}.__getitem__) == [f"{DATABASE}:store", f"{DATABASE}:db"]


def test_an_inspection_shows_names_also_of_a_container_that_is_gone() -> None:
    assert links.shown_links(WEB, {DATABASE: "postgres"}) == ["/postgres:/web/db"]
    assert links.shown_links(WEB, {}) == [f"/{'d' * 12}:/web/db"]


def test_a_linked_container_has_a_second_name_until_the_link_is_removed() -> None:
    assert links.second_names([WEB]) == {DATABASE: ["web/db"]}
    assert links.without_link(WEB.host_config, "db").links == []
    assert links.without_link(WEB.host_config, "other").links == [f"{DATABASE}:db"]


def test_the_variables_tell_ports_ranges_and_what_is_set_there() -> None:
    config = ContainerConfig(
        env=["PATH=/bin", "HOME=/", "MODE=fast", "EMPTY="],
        exposed_ports={"80/tcp": {}, "81/tcp": {}, "53/udp": {}, "53": {}},
    )
    told = links.variables(Link(DATABASE, "data-base"), "web", record(DATABASE, "db", config), "172.17.0.9")
    assert told == [
        "DATA_BASE_NAME=/web/data-base",
        "DATA_BASE_PORT=tcp://172.17.0.9:53",
        "DATA_BASE_PORT_80_TCP_START=tcp://172.17.0.9:80",
        "DATA_BASE_PORT_80_TCP_PORT_START=80",
        "DATA_BASE_PORT_80_TCP_END=tcp://172.17.0.9:81",
        "DATA_BASE_PORT_80_TCP_PORT_END=81",
        *(
            f"DATA_BASE_PORT_{number}_{protocol.upper()}{line}"
            for number, protocol in ((53, "tcp"), (53, "udp"), (80, "tcp"), (81, "tcp"))
            for line in (
                f"={protocol}://172.17.0.9:{number}",
                "_ADDR=172.17.0.9",
                f"_PORT={number}",
                f"_PROTO={protocol}",
            )
        ),
        "DATA_BASE_ENV_MODE=fast",
        "DATA_BASE_ENV_EMPTY=",
    ]


def test_the_hosts_file_has_every_name_once() -> None:
    other = record(DATABASE, "db", ContainerConfig(hostname="vault"))
    assert links.host_names(Link(DATABASE, "store"), other) == ["store", "vault", "db"]
    assert links.host_names(Link(DATABASE, "db"), other) == ["db", "vault"]
    assert links.host_names(Link(DATABASE, "db"), record(DATABASE, "db")) == ["db"]
