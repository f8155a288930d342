"""What a project says to programs beside the engine, in the typed project."""

from __future__ import annotations

from compose.model.tooling import CredentialSpec, Develop, Hook, ModelUse, Provider, WatchRule
from tests.fakes.directory import Directory


def test_a_provider_has_its_options_as_lists_of_texts(directory: Directory) -> None:
    project = directory.load(
        "services: {db: {provider: {type: cloud, options: {size: 5, zone: [a, 1], public: true}}}}"
    ).project
    assert project.services["db"].provider == Provider(
        "cloud", {"size": ("5",), "zone": ("a", "1"), "public": ("true",)}
    )


def test_a_service_names_the_models_it_uses_and_the_variables_that_tell_of_them(directory: Directory) -> None:
    project = directory.load(
        "services: {a: {image: i, models: {big: {endpoint_var: URL}, small: {}}}, b: {image: i, models: [big]}}\n"
        "models: {big: {model: ai/big, context_size: 4096, runtime_flags: [--fast]}, small: {model: ai/small}}\n"
    ).project
    assert project.services["a"].models == {"big": ModelUse(endpoint_var="URL"), "small": ModelUse()}
    assert project.services["b"].models == {"big": ModelUse()}


def test_a_rule_of_watch_has_absolute_paths_and_its_command(directory: Directory) -> None:
    project = directory.load(
        "services:\n"
        "  a:\n"
        "    image: i\n"
        "    develop:\n"
        "      watch:\n"
        "        - {path: src, action: sync+exec, target: /src, exec: {command: make it}, ignore: '*.tmp'}\n"
        "        - {path: ., action: rebuild, include: [a, b], initial_sync: true}\n"
    ).project
    here = str(directory.path)
    assert project.services["a"].develop == Develop(
        (
            WatchRule(f"{here}/src", "sync+exec", "/src", Hook(("make", "it")), ignore=("*.tmp",)),
            WatchRule(here, "rebuild", include=("a", "b"), initial_sync=True),
        )
    )


def test_credentials_and_the_engine_s_socket_are_as_written(directory: Directory) -> None:
    service = directory.load("services: {a: {image: i, credential_spec: {registry: r}, use_api_socket: true}}").project
    assert service.services["a"].credential_spec == CredentialSpec(registry="r")
    assert service.services["a"].use_api_socket is True
