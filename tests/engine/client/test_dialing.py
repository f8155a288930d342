"""Ways to an engine: addresses, certificates, ssh, and the contexts of Docker's command line."""

from __future__ import annotations

import hashlib
import json
import sys
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import pytest

from engine.api.server import serve
from engine.client import EngineClient, EngineUnreachable
from engine.client.contexts import find_target, http_headers
from engine.client.dialing import ssh_command
from engine.client.targets import Certificates, Target
from engine.daemon.doors import Certificates as ServerCertificates
from engine.daemon.doors import Doors
from engine.wire.containers import ContainerCreateRequest
from tests.fakes.certificates import Authority
from tests.fakes.services import fake_engine
from tests.fakes.serving import served

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[3]


def context_of(docker: Path, name: str, **endpoint: object) -> Path:
    """Write a context and give the directory for its certificates."""
    identity = hashlib.sha256(name.encode()).hexdigest()
    meta = docker / "contexts" / "meta" / identity
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": endpoint}}))
    tls = docker / "contexts" / "tls" / identity / "docker"
    tls.mkdir(parents=True)
    return tls


@pytest.mark.parametrize("address", ["unix:///run/x.sock", "tcp://[::1]:2375", "tcp://host", "ssh://me@host:22"])
def test_addresses_that_are_understood(address: str) -> None:
    Target(address).check()


@pytest.mark.parametrize(
    "address", ["", "/run/x.sock", "unix://run/x.sock", "tcp://host:port", "ssh://me:secret@host", "npipe:////./pipe/x"]
)
def test_addresses_that_are_not(address: str) -> None:
    with pytest.raises(EngineUnreachable):
        Target(address).check()


def test_ssh_gets_user_and_port_and_takes_no_host_for_an_option() -> None:
    *words, remote = ssh_command(urlsplit("ssh://me@-oProxyCommand=x:2222"))
    assert words[-6:] == ["-l", "me", "-p", "2222", "--", "-oproxycommand=x"]
    assert "exec pycompose-engine dial-stdio" in remote
    assert "exec docker system dial-stdio" in remote


def test_what_is_named_directly_counts_most(tmp_path: Path) -> None:
    context_of(tmp_path, "remote", Host="ssh://me@remote")
    (tmp_path / "config.json").write_text('{"currentContext": "remote"}')
    environment = {"DOCKER_CONFIG": str(tmp_path)}
    assert find_target("", environment) == Target("ssh://me@remote")
    assert find_target("", {**environment, "DOCKER_CONTEXT": "default"}) is None
    assert find_target("", {**environment, "DOCKER_HOST": "unix:///a"}) == Target("unix:///a")
    assert find_target("unix:///b", {**environment, "DOCKER_HOST": "unix:///a"}) == Target("unix:///b")
    assert find_target("", {"DOCKER_CONFIG": str(tmp_path / "none")}) is None


def test_a_contexts_certificates_come_along(tmp_path: Path) -> None:
    tls = context_of(tmp_path, "remote", Host="tcp://remote:2376", SkipTLSVerify=False)
    (tls / "ca.pem").touch()
    target = find_target("", {"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "remote"})
    assert target == Target("tcp://remote:2376", Certificates(authority=tls / "ca.pem"))


def test_a_context_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable, match="no context of this name"):
        find_target("", {"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "lost"})


def test_headers_for_every_request_come_from_the_configuration(tmp_path: Path) -> None:
    environment = {"DOCKER_CONFIG": str(tmp_path)}
    assert http_headers(environment) == {}
    (tmp_path / "config.json").write_text('{"HttpHeaders": {"X-Meta-A": "b"}, "currentContext": "default"}')
    assert http_headers(environment) == {"X-Meta-A": "b"}
    (tmp_path / "config.json").write_text("{")
    assert http_headers(environment) == {}


async def test_certificates_of_the_environment_are_shown_to_the_engine(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path / "authority")
    server, client = authority.sign("server"), authority.sign("client")
    doors = Doors(
        hosts=("tcp://127.0.0.1:0",),
        certificates=ServerCertificates(server / "ca.pem", server / "cert.pem", server / "key.pem"),
    ).open(tmp_path / "socket")
    port = doors[1].listening.getsockname()[1]
    environment = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(client)}
    target = find_target(f"tcp://127.0.0.1:{port}", environment)
    assert target is not None
    async with anyio.create_task_group() as tasks:
        await tasks.start(partial(serve, fake_engine().services, doors, on_activity=lambda _: None))
        with anyio.fail_after(60):
            async with EngineClient(target.address, certificates=target.certificates) as engine:
                assert (await engine.version()).version == "9.9.9"
                await converse(engine)
            async with EngineClient(target.address) as stranger:
                with pytest.raises(EngineUnreachable):
                    await stranger.version()
        tasks.cancel_scope.cancel()


async def test_the_engine_behind_ssh_is_reached_through_its_stdio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(tmp_path) as server:
        # Stands for ssh and the shell behind it: what they would run there runs here.
        ssh = tmp_path / "ssh"
        dial = f"{sys.executable} -m pycompose engine-daemon dial-stdio --run-dir {server.socket.parent}"
        ssh.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\ncd {ROOT} && exec {dial}\n')
        ssh.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        async with EngineClient("ssh://me@far.example") as engine:
            assert (await engine.version()).version == "9.9.9"
            await converse(engine)
        assert "-l me -- far.example" in (tmp_path / "asked").read_text()
        await server.until_connections(0)


async def converse(engine: EngineClient) -> None:
    """Take a connection over, end its input, and hear the rest."""
    request = ContainerCreateRequest(image="busybox", open_stdin=True, attach_stdin=True)
    await engine.create_container("web", request)
    async with await engine.attach_container("web", tty=False, stdin=True) as stdio:
        await stdio.send_eof()
        await engine.start_container("web")
        assert await stdio.receive() == (1, b"hello\n")
