"""`--security-opt`: seccomp, no-new-privileges, AppArmor and SELinux labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from engine.errors import BadRequest
from engine.runtime.oci import seccomp

_FLAGS: Final = ("no-new-privileges", "writable-cgroups")
_TRUTHS: Final = {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False}


class SecurityOptions(Struct, frozen=True):
    """What the options ask for. `seccomp` is "" (the default), "unconfined" or a profile's JSON."""

    seccomp: str = ""
    apparmor: str = ""
    no_new_privileges: bool = False
    has_writable_cgroups: bool = False

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
    texts: dict[str, str] = {}
    flags: dict[str, bool] = {}
    for option in options:
        key, value = _split(option)
        if key in _FLAGS and value.lower() in _TRUTHS:
            flags[key] = _TRUTHS[value.lower()]
        elif key in ("seccomp", "apparmor"):
            texts[key] = value
        elif key != "label":
            raise BadRequest(f'invalid --security-opt 2: "{option}"')
    return SecurityOptions(
        texts.get("seccomp", ""),
        texts.get("apparmor", ""),
        flags.get("no-new-privileges", False),
        flags.get("writable-cgroups", False),
    )


def _split(option: str) -> tuple[str, str]:
    if option in _FLAGS:
        return option, "true"
    if option == "disable":
        return "label", "disable"
    key, separator, value = option.partition("=" if "=" in option else ":")
    if not separator:
        raise BadRequest(f'invalid --security-opt 1: "{option}"')
    return key, value
