"""The settings of registries as `docker info` shows them (moby api/swagger.yaml: RegistryServiceConfig)."""

from __future__ import annotations

from engine.registry.reference import DEFAULT_REGISTRY
from engine.registry.settings import RegistrySettings

_LOOPBACK = ("127.0.0.0/8", "::1/128")


def report(settings: RegistrySettings) -> dict[str, object]:
    """Mirrors, and who is trusted without a certificate. Docker's word for a registry is index."""
    hosts = sorted({DEFAULT_REGISTRY, *settings.mirrors, *settings.insecure})
    return {
        "InsecureRegistryCIDRs": [*_LOOPBACK, *map(str, settings.insecure_networks)],
        "IndexConfigs": {
            host: {
                "Name": host,
                "Mirrors": list(settings.mirrors.get(host, ())),
                "Secure": not settings.is_insecure(host),
                "Official": host == DEFAULT_REGISTRY,
            }
            for host in hosts
        },
        "Mirrors": list(settings.mirrors.get(DEFAULT_REGISTRY, ())),
    }
