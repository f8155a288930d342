"""Values that no file wrote: which rule gave each, by its path in the document."""

from __future__ import annotations

from compose.load.rules import Rules, compile_rules

DEFAULTS: Rules[str] = compile_rules(
    {
        "services.*.command": "that of the image",
        "services.*.entrypoint": "that of the image",
        "services.*.build.context": "the project's directory",
        "services.*.build.dockerfile": "the usual file of a build",
        "services.*.build.secrets.*.target": "secrets lie in /run/secrets",
        "services.*.ports.*.mode": "the usual mode of a port",
        "services.*.ports.*.protocol": "the usual protocol of a port",
        "services.*.depends_on.*.condition": "started is enough",
        "services.*.depends_on.*.required": "dependencies are required",
        "services.*.devices.*.permissions": "all permissions",
        "services.*.env_file.*.required": "env files are required",
        "services.*.secrets.*.target": "secrets lie in /run/secrets",
        "services.*.gpus.*.count": "all of them",
        "services.*.volumes.*.volume": "always written",
        "services.*.volumes.*.bind.create_host_path": "the short form makes missing directories",
        "services.*.deploy.resources": "always written",
        "services.*.deploy.resources.reservations.devices.*.count": "all of them",
        "services.*.deploy.placement": "always written",
        "services.*.develop.watch.*.exec.command": "always written",
        "networks.*.ipam": "always written",
    }
)

# What the long form of an entry has that its short form, such as `8080:80`, does not say.
BESIDE_SHORT_FORMS: Rules[str] = compile_rules(
    dict.fromkeys(
        (
            "services.*.build.dockerfile",
            "services.*.build.secrets.*.target",
            "services.*.ports.*.mode",
            "services.*.ports.*.protocol",
            "services.*.depends_on.*.condition",
            "services.*.depends_on.*.required",
            "services.*.devices.*.permissions",
            "services.*.env_file.*.required",
            "services.*.secrets.*.target",
            "services.*.volumes.*.volume",
            "services.*.volumes.*.bind.create_host_path",
        ),
        "beside",
    )
)

# What one part of the project means for another.
IMPLIED: Rules[str] = compile_rules(
    {
        "name": "the directory's name",
        "services.*.networks": "default network",
        "services.*.deploy.replicas": "scale",
        "services.*.depends_on.*": "links, volumes_from or a shared namespace",
        "networks.default": "default network",
        "networks.*.name": "project and key",
        "volumes.*.name": "project and key",
        "configs.*.name": "project and key",
        "secrets.*.name": "project and key",
    }
)


def rule_at(rules: Rules[str], path: tuple[str | int, ...]) -> str:
    """Return the rule of a path, or of the deepest part above it that has one, or ""."""
    found = rules.rule
    for step in path:
        below = rules.at("[]" if isinstance(step, int) else step)
        if below is None:
            break
        rules = below
        found = rules.rule or found
    return found or ""


def is_beside_short_form(path: tuple[str | int, ...]) -> bool:
    """Tell whether a value of a long form is one that the short form does not say."""
    return rule_at(BESIDE_SHORT_FORMS, path) != ""
