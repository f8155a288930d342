"""What `build --print` shows: the builds as a bake file."""

from __future__ import annotations

from compose.model.project import FileObject
from compose.model.service import Build, FileMount, Ulimit
from compose.plan.actions import BuildImage
from compose.plan.bake import bake_file
from compose.plan.deciding.building import BuildOptions, plan_builds
from compose.plan.observed import Observed
from tests.fakes.projects import make_project, make_service


def test_a_target_has_what_the_service_wants_built() -> None:
    wish = Build(
        context="/app",
        dockerfile="D",
        args={"A": "1", "B": None},
        labels={"x": "y"},
        tags=("a/b:1",),
        cache_from=("type=registry,ref=r/c",),
        secrets=(FileMount("tok"), FileMount("env", "/run/secrets/e2")),
        ssh=("default", "k=/key"),
        shm_size=1 << 20,
        ulimits={"nofile": Ulimit(1, 2)},
        extra_hosts=("a=1.2.3.4",),
        additional_contexts={"s": "service:base", "i": "docker-image://alpine"},
        privileged=True,
    )
    project = make_project(
        make_service("web", image="my/web", build=wish),
        make_service("base", image="", build=Build(context="/app", dockerfile_inline="FROM x\n")),
        secrets={"tok": FileObject("tok", "tok", file="/tok"), "env": FileObject("env", "env", environment="HOME")},
    )
    plan = plan_builds(project, Observed(), BuildOptions(always=True, args={"C": "3"}, no_cache=True), ["web"])
    found = bake_file(project, [step.action for step in plan.steps if isinstance(step.action, BuildImage)], ["web"])
    assert found["group"] == {"default": {"targets": ["web"]}}
    assert found["target"]["base"]["dockerfile-inline"] == "FROM x\n"
    compose = "com.docker.compose"
    assert found["target"]["web"] == {
        "context": "/app",
        "contexts": {"i": "docker-image://alpine", "s": "target:base"},
        "dockerfile": "/app/D",
        "args": {"A": "1", "C": "3"},
        "labels": {f"{compose}.project": "app", f"{compose}.service": "web", f"{compose}.version": "2.40.3", "x": "y"},
        "tags": ["a/b:1", "my/web"],
        "cache-from": ["type=registry,ref=r/c"],
        "secret": ["id=tok,type=file,src=/tok", "id=e2,type=env,env=HOME"],
        "ssh": ["default=", "k=/key"],
        "no-cache": True,
        "shm-size": "1048576",
        "ulimits": ["nofile=1:2"],
        "entitlements": ["security.insecure"],
        "extra-hosts": {"a": "1.2.3.4"},
        "output": ["type=docker"],
    }
