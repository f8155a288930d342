"""What TLS needs for each registry: whom to trust, and by which certificate we show who we are."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

from engine.errors import RegistryError
from engine.registry.settings import ClientCertificate, RegistrySettings, is_loopback


def context_for(settings: RegistrySettings, host: str, port: int) -> ssl.SSLContext:
    """The context for connections to a host: the settings' files, then those of its trust directories.

    A server on this machine need not be vouched for, unless somebody named a CA for it. Raises `RegistryError` naming
    the file that cannot be used.
    """
    names = (f"{host}:{port}", host)
    context = ssl.create_default_context()
    authorities = list(_authorities(settings, names))
    for authority in authorities:
        try:
            context.load_verify_locations(authority)
        except (OSError, ssl.SSLError) as exc:
            raise RegistryError(f"CA file {authority} for {host} cannot be used: {exc}") from exc
    for own in _certificates(settings, names):
        try:
            context.load_cert_chain(own.certificate, own.key)
        except (OSError, ssl.SSLError) as exc:
            raise RegistryError(f"client certificate {own.certificate} for {host} cannot be used: {exc}") from exc
    if settings.is_unverified(*names) or (is_loopback(host) and not authorities):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _authorities(settings: RegistrySettings, names: tuple[str, str]) -> Iterator[Path]:
    for name in names:
        if name in settings.authorities:
            yield settings.authorities[name]
            return
    for directory in _trust_directories(settings, names):
        yield from sorted(directory.glob("*.crt"))


def _certificates(settings: RegistrySettings, names: tuple[str, str]) -> Iterator[ClientCertificate]:
    for name in names:
        if name in settings.certificates:
            yield settings.certificates[name]
            return
    for directory in _trust_directories(settings, names):
        for certificate in sorted(directory.glob("*.cert")):
            key = certificate.with_suffix(".key")
            if not key.exists():
                raise RegistryError(
                    f"client certificate {certificate} has no key", hint=f"put its key at {key}, or remove it"
                )
            yield ClientCertificate(certificate, key)


def _trust_directories(settings: RegistrySettings, names: tuple[str, str]) -> Iterator[Path]:
    for root in settings.trust_directories:
        yield from (root / name for name in names if (root / name).is_dir())
