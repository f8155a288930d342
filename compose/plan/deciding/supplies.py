"""What programs outside of the engine give to services: those of `provider` services, and that for language models.

They tell variables, with which the services are planned as if the files had them. Before the programs have run, as
for `plan` and `--dry-run`, the variables are supposed to be those that the containers were made with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from compose.model.project import Project
from compose.model.service import Service
from compose.model.tooling import Provider
from compose.plan.actions import RunProvider
from compose.plan.changes import unpacked
from compose.plan.labels import CONFIG
from compose.plan.observed import Observed
from compose.plan.steps import Plan, PlanBuilder

Variables = Mapping[str, Mapping[str, str]]  # by service


def plan_providers(project: Project) -> Plan:
    """Run the programs of the services that have one, each after those of what it depends on."""
    from compose.plan.deciding.ordering import in_dependency_order

    builder = PlanBuilder()
    steps: dict[str, int] = {}
    providers = {name: service for name, service in project.services.items() if service.provider}
    for name in in_dependency_order(providers, lambda name: _dependencies(project, name)):
        service = providers.get(name)
        if service and service.provider:
            after = [steps[other] for other in service.depends_on if other in steps]
            steps[name] = builder.add(RunProvider(service, "up", f"provided by {service.provider.type}"), after)
    return Plan(tuple(builder.steps))


def _dependencies(project: Project, name: str) -> list[str]:
    return [other for other in project.services[name].depends_on if other in project.services]


def provided(project: Project, variables: Variables) -> Project:
    """The project without its provided services; who depends on one has the variables that its program told.

    `DATABASE_URL` is what `URL` of the service `database` is called there.
    """
    if not any(service.provider for service in project.services.values()):
        return project
    given = {
        name: {
            _prefix(other) + key: value
            for other in service.depends_on
            for key, value in variables.get(other, {}).items()
        }
        for name, service in project.services.items()
    }
    project = with_variables(project, given)
    return replace(
        project, services={name: service for name, service in project.services.items() if service.provider is None}
    )


def modelled(project: Project, endpoint: str) -> Project:
    """The project whose services know the names of their language models, and where these answer."""
    given = {name: dict(_model_variables(project, service, endpoint)) for name, service in project.services.items()}
    return with_variables(project, given)


def supposed(project: Project, observed: Observed) -> Project:
    """The project with the variables that the programs are going to tell, as far as the containers show them."""
    told: dict[str, dict[str, str]] = {}
    for name, service in project.services.items():
        before = _variables_of(name, observed)
        names = {key for key, _ in _model_variables(project, service, "")}
        prefixes = tuple(_prefix(other) for other in service.depends_on if _is_provided(project, other))
        told[name] = {
            key: value
            for key, value in before.items()
            if key in names or (key.startswith(prefixes) and key not in service.environment)
        }
    return provided(with_variables(project, told), {})


def with_variables(project: Project, given: Variables) -> Project:
    """The project whose services have more variables; these win over those of the files, and count for hashes."""
    services, entries = dict(project.services), dict(project.canonical.get("services", {}))
    for name, variables in given.items():
        if variables:
            services[name] = replace(services[name], environment={**services[name].environment, **variables})
            entries[name] = _with_environment(entries[name], variables)
    return replace(project, services=services, canonical={**project.canonical, "services": entries})


def _with_environment(entry: Mapping[str, object], variables: Mapping[str, str]) -> dict[str, object]:
    """The entry with more variables. Hashes go by the order of attributes: they stand behind `entrypoint`."""
    before = entry.get("environment")
    merged = {**(before if isinstance(before, dict) else {}), **variables}
    found: dict[str, object] = {}
    for key, value in entry.items():
        found[key] = merged if key == "environment" else value
        if key == "entrypoint":
            found["environment"] = merged
    return found


def arguments(
    project_name: str, service: str, provider: Provider, verb: str, known: frozenset[str] | None
) -> list[str]:
    """The command line of a provider's program; options that it does not know are left out (None: it knows any)."""
    options = [
        f"--{name}={value}"
        for name, values in provider.options.items()
        if known is None or name in known
        for value in values
    ]
    return ["compose", f"--project-name={project_name}", verb, *options, service]


def _is_provided(project: Project, name: str) -> bool:
    return name in project.services and project.services[name].provider is not None


def _prefix(service: str) -> str:
    return service.upper() + "_"


def _model_variables(project: Project, service: Service, endpoint: str) -> Iterator[tuple[str, str]]:
    for name, use in service.models.items():
        prefix = name.upper().replace("-", "_")
        model = project.models.get(name)
        yield use.model_var or f"{prefix}_MODEL", model.model if model else ""
        yield use.endpoint_var or f"{prefix}_URL", endpoint


def _variables_of(service: str, observed: Observed) -> dict[str, str]:
    """The variables that the newest container of a service was made with, as far as it remembers."""
    for item in reversed(observed.of_service(service)):
        document = unpacked(item.labels.get(CONFIG, ""))
        found = document.get("environment") if isinstance(document, dict) else None
        if isinstance(found, dict):
            return {key: value for key, value in found.items() if isinstance(value, str)}
    return {}
