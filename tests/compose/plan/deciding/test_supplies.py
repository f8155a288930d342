"""What programs tell, and the services that know it then."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from compose.load.pipeline import LoadRequest, load
from compose.model.project import Project
from compose.model.tooling import Provider
from compose.plan.changes import packed
from compose.plan.deciding.reconcile import Options, reconcile
from compose.plan.deciding.supplies import arguments, modelled, plan_providers, provided, supposed
from compose.plan.deciding.teardown import DownOptions, plan_down
from compose.plan.hashing import service_document, service_hash
from compose.plan.labels import CONFIG
from compose.plan.observed import Observed, ObservedContainer

TEXT = """
name: shop
services:
  app:
    image: a
    depends_on: [data-base, cache]
    environment: {COLOUR: blue}
  other: {image: b}
  cache: {provider: {type: cloud}, depends_on: [data-base]}
  data-base: {provider: {type: cloud, options: {size: 10, tag: [a, b]}}}
"""
MODELS = """
name: shop
services:
  app: {image: a, models: [my-llm]}
  two: {image: a, models: {my-llm: {endpoint_var: AT, model_var: WHICH}}}
  three: {image: a}
models: {my-llm: {model: ai/small}}
"""


def project(text: str = TEXT) -> Project:
    return load(LoadRequest(Path("/"), ("-",), stdin=text.encode)).project


def test_programs_run_after_those_that_they_depend_on() -> None:
    assert str(plan_providers(project())) == (
        "[] #1 provider up data-base -- provided by cloud\n[1] #2 provider up cache -- provided by cloud"
    )


def test_dependants_have_the_variables_under_the_name_of_the_service() -> None:
    found = provided(project(), {"data-base": {"URL": "x", "COLOUR": "y"}, "cache": {"HOST": "z"}})
    assert sorted(found.services) == ["app", "other"]
    assert found.services["app"].environment == {
        "COLOUR": "blue",
        "DATA-BASE_URL": "x",
        "DATA-BASE_COLOUR": "y",
        "CACHE_HOST": "z",
    }
    assert found.services["other"].environment == {}


def test_the_variables_count_as_if_the_files_had_them() -> None:
    found = provided(project(), {"cache": {"HOST": "z"}})
    written = project(TEXT.replace("COLOUR: blue", "COLOUR: blue, CACHE_HOST: z"))
    assert service_hash(found, found.services["app"]) == service_hash(written, written.services["app"])
    bare = project(TEXT.replace("    environment: {COLOUR: blue}\n", ""))
    written = project(TEXT.replace("COLOUR: blue", "CACHE_HOST: z"))
    found = provided(bare, {"cache": {"HOST": "z"}})
    assert service_hash(found, found.services["app"]) == service_hash(written, written.services["app"])


def test_models_are_told_by_name_and_place() -> None:
    found = modelled(project(MODELS), "http://here")
    assert found.services["app"].environment == {"MY_LLM_MODEL": "ai/small", "MY_LLM_URL": "http://here"}
    assert found.services["two"].environment == {"WHICH": "ai/small", "AT": "http://here"}
    assert found.services["three"].environment == {}


def made(before: Project, service: str) -> ObservedContainer:
    """A container as that project makes it."""
    document = service_document(before, before.services[service])
    return ObservedContainer(
        id=service,
        name=f"shop-{service}-1",
        service=service,
        number=1,
        state="running",
        config_hash=service_hash(before, before.services[service]),
        labels={CONFIG: packed(document)},
        networks={"shop_default": "n"},
    )


def test_before_the_programs_run_variables_are_supposed_to_stay() -> None:
    there = provided(project(), {"data-base": {"URL": "x"}})
    observed = Observed((made(there, "app"), made(there, "other")))
    assert supposed(project(), observed).services["app"] == there.services["app"]
    there = modelled(project(MODELS), "http://here")
    observed = Observed((made(there, "app"),))
    assert supposed(project(MODELS), observed).services["app"] == there.services["app"]
    assert "MY_LLM_URL" not in supposed(project(MODELS), Observed(())).services["app"].environment


def test_what_is_provided_gets_no_container() -> None:
    plan = reconcile(provided(project(), {}), Observed((), images={"a:latest": "1", "b:latest": "2"}), Options())
    assert "data-base" not in str(plan)
    assert "create shop-app-1" in str(plan)


def test_what_is_provided_goes_after_its_dependants() -> None:
    there = provided(project(), {})
    app = made(there, "app")
    observed = Observed((replace(app, depends_on=("cache",)),))
    lines = str(plan_down("shop", project(), observed, DownOptions())).splitlines()
    assert lines[1:] == [
        "[1] #2 remove shop-app-1 -- down",
        "[2] #3 provider down cache -- down",
        "[2,3] #4 provider down data-base -- down",
    ]
    only = plan_down("shop", project(), Observed(()), DownOptions(services=frozenset({"cache"})))
    assert str(only) == "[] #1 provider down cache -- down"


def test_options_are_passed_as_they_are_known() -> None:
    provider = Provider("cloud", {"size": ("10",), "tag": ("a", "b")})
    assert arguments("shop", "db", provider, "up", None) == [
        "compose",
        "--project-name=shop",
        "up",
        "--size=10",
        "--tag=a",
        "--tag=b",
        "db",
    ]
    assert arguments("shop", "db", provider, "down", frozenset({"tag"}))[3:] == ["--tag=a", "--tag=b", "db"]
