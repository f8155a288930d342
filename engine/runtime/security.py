"""`--security-opt`: seccomp, no-new-privileges, AppArmor and SELinux labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import BadRequest
from engine.runtime import seccomp


@dataclass(frozen=True, slots=True)
class SecurityOptions:
    """What the options ask for. `seccomp` is "" (the default), "unconfined" or a profile's JSON."""

    seccomp: str = ""
    apparmor: str = ""
    no_new_privileges: bool = False

    def profile(self, *, is_privileged: bool) -> Mapping[str, Any] | None:
        """The seccomp profile; None for unconfined, which a privileged container is unless it asks for one."""
        if self.seccomp == "unconfined" or (is_privileged and not self.seccomp):
            return None
        if self.seccomp in ("", "builtin"):
            return seccomp.default_profile()
        return seccomp.parse_profile(self.seccomp)


def parse_security_options(options: Sequence[str]) -> SecurityOptions:
    """Read `key=value` (or the older `key:value`) options. Raises `BadRequest` for one that Docker does not know.

    Labels and AppArmor profiles are accepted on machines that have neither, as Docker does.
    """
    found: dict[str, str] = {}
    is_confined = False
    for option in options:
        if option == "no-new-privileges":
            is_confined = True
            continue
        separator = "=" if "=" in option else ":"
        key, _, value = option.partition(separator)
        if key == "no-new-privileges":
            is_confined = _truth(option, value)
        elif key in ("seccomp", "apparmor") and value:
            found[key] = value
        elif key not in ("label", "systempaths", "writable-cgroups") or not value:
            raise BadRequest(f'invalid --security-opt: "{option}"')
    return SecurityOptions(found.get("seccomp", ""), found.get("apparmor", ""), is_confined)


def _truth(option: str, value: str) -> bool:
    if value.lower() in ("true", "1", "t"):
        return True
    if value.lower() in ("false", "0", "f"):
        return False
    raise BadRequest(f'invalid --security-opt: "{option}"')
