"""The short forms of ports, volumes and devices, and words split as a shell does.

Each function takes a text and returns the long form as plain values, or raises `ValueError` saying what is wrong.
"""

from __future__ import annotations

from typing import Any

PROTOCOLS = ("tcp", "udp", "sctp")
PROPAGATIONS = ("rprivate", "private", "rshared", "shared", "rslave", "slave")
SELINUX = ("z", "Z")


def parse_port(text: str) -> list[dict[str, Any]]:
    """Return the ports of `[[address:]published:]target[/protocol]`; ranges give one entry per target.

    A range that is published for a single target stays a range: one of its ports is taken at start.
    """
    address, published, rest = _split_port(text)
    target, _, protocol = rest.partition("/")
    protocol = (protocol.partition("/")[0] or "tcp").lower()  # the reference drops a further part
    if protocol not in PROTOCOLS:
        raise ValueError(f"invalid protocol `{protocol}` in the port `{text}`: use tcp, udp or sctp")
    if not target:
        raise ValueError(f"the port `{text}` names no container port")
    first, last = _port_range(target, text)
    host_first, host_last = _port_range(published, text) if published else (0, 0)
    if published and last - first != host_last - host_first and first != last:
        raise ValueError(f"the ranges of `{text}` differ in length")
    ports = []
    for offset in range(last - first + 1):
        entry: dict[str, Any] = {"mode": "ingress", "target": first + offset, "protocol": protocol}
        if address:
            entry["host_ip"] = address
        if published:
            spread = f"-{host_last}" if first == last and host_first != host_last else ""
            entry["published"] = f"{host_first + offset}{spread}"
        ports.append({name: value for name, value in entry.items() if value != 0})
    # The reference orders the ports of a range as texts.
    return sorted(ports, key=lambda port: f"{port.get('target', 0)}/{protocol}")


def _split_port(text: str) -> tuple[str, str, str]:
    parts = text.split(":")
    if len(parts) == 1:
        return "", "", parts[0]
    if len(parts) == 2:
        return "", parts[0], parts[1]
    address = ":".join(parts[:-2])
    if address.startswith("["):
        if not address.endswith("]"):
            raise ValueError(f"invalid IP address `{address}` in the port `{text}`")
        address = address[1:-1]
    elif ":" in address:
        raise ValueError(f"the IPv6 address in the port `{text}` needs brackets: `[{address}]`")
    if address and not is_address(address):
        raise ValueError(f"invalid IP address `{address}` in the port `{text}`")
    return address, parts[-2], parts[-1]


def is_address(text: str) -> bool:
    """Tell whether the text is an IPv4 or IPv6 address."""
    import ipaddress  # most files have no address: this saves them some milliseconds

    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _port_range(text: str, whole: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    numbers = []
    for part in (first, last) if dash else (first, first):
        if not (part.isascii() and part.isdigit()) or int(part) > 65535:
            raise ValueError(f"invalid port `{text}` in `{whole}`: ports are numbers from 0 to 65535")
        numbers.append(int(part))
    if numbers[1] < numbers[0]:
        raise ValueError(f"the range `{text}` in `{whole}` ends before it begins")
    return numbers[0], numbers[1]


def parse_volume(text: str) -> dict[str, Any]:
    """Return the mount of `[source:]target[:options]`; a source that looks like a path makes it a bind mount."""
    if not text:
        raise ValueError("a volume must not be empty")
    if len(text) <= 2:
        return {"type": "volume", "target": text}
    fields = _split_volume(text)
    if not all(fields):
        raise ValueError(f"empty section between colons in the volume `{text}`")
    if len(fields) > 3:
        raise ValueError(f"too many colons in the volume `{text}`")
    mount: dict[str, Any] = {"source": fields[0], "target": fields[1]} if len(fields) > 1 else {"target": fields[0]}
    options = _mount_options(fields[2].split(",") if len(fields) > 2 else [])
    if options.pop("read_only"):
        mount["read_only"] = True
    if is_file_path(mount.get("source", "")):
        options["bind"] = {**options.get("bind", {}), "create_host_path": True}
        return {"type": "bind", **mount, **options}
    return {"type": "volume", **mount, "volume": {}, **options}


def _mount_options(names: list[str]) -> dict[str, Any]:
    """Return the options of a short volume; unknown ones are ignored, as in the reference."""
    options: dict[str, Any] = {"read_only": False}
    for name in names:
        if name in ("ro", "rw"):
            options["read_only"] = name == "ro"
        elif name == "nocopy":
            options["volume"] = {"nocopy": True}
        elif name in PROPAGATIONS:
            options.setdefault("bind", {})["propagation"] = name
        elif name in SELINUX:
            options.setdefault("bind", {})["selinux"] = name
    return options


def _split_volume(text: str) -> list[str]:
    """Split at the colons that are neither a drive letter's nor inside `${...}`."""
    fields, current, depth = [], "", 0
    for index, char in enumerate(text):
        if char == "$" and text[index + 1 : index + 2] == "{":
            depth += 1
            current += char
        elif char == "}" and depth:
            depth -= 1
            current += char
        elif char == ":" and not depth and not _is_drive(current):
            fields.append(current)
            current = ""
        else:
            current += char
    return [*fields, current]


def _is_drive(text: str) -> bool:
    return len(text) == 1 and text.isalpha()


def is_file_path(source: str) -> bool:
    """Tell whether the source of a mount is a path of the host (and not the name of a volume)."""
    return source.startswith((".", "/", "~", "\\\\")) or (_is_drive(source[:1]) and source[1:2] == ":")


def parse_device(text: str) -> dict[str, str]:
    """Return the device of `source[:target[:permissions]]`."""
    parts = text.split(":")
    if len(parts) > 3:
        raise ValueError(f"confusing device mapping `{text}`: use the long form")
    source = parts[0]
    target = parts[1] if len(parts) > 1 and parts[1] else source
    return {"source": source, "target": target, "permissions": parts[2] if len(parts) > 2 else "rwm"}


_SPACES = " \t\r\n"
_ENDS = ";&|<>"


def split_words(text: str) -> list[str]:
    """Split a command line as Compose does: quotes and backslashes are known, an operator such as `|` ends it.

    (Compose runs no shell: what follows an operator is ignored, as in the reference.)
    """
    return _Words().split(text)


class _Words:
    """The state of `split_words`."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.current = ""
        self.has_word = False
        self.quote = ""  # one of ' " ` ( or nothing

    def split(self, text: str) -> list[str]:
        is_escaped = False
        for char in text:
            if is_escaped:
                self._add(char)
                is_escaped = False
            elif char == "\\" and self.quote != "'":
                is_escaped = True
            elif char in _SPACES and not self.quote:
                self._end_word()
            elif char in _ENDS and not self.quote:
                if char == ">" and self.current[:1].isdigit():
                    self.has_word = False  # `2>`: the number belongs to the operator
                break
            else:
                self._character(char)
        if is_escaped or self.quote:
            raise ValueError(f"invalid command line `{text}`: a quote is not closed")
        self._end_word()
        return self.words

    def _add(self, char: str) -> None:
        self.current += char
        self.has_word = True

    def _end_word(self) -> None:
        if self.has_word:
            self.words.append(self.current)
        self.current, self.has_word = "", False

    def _character(self, char: str) -> None:
        if char in _SPACES:
            self.current += char
        elif char in "'\"" and self.quote in ("", "`", char):
            self._quote(char)
        elif char == "`" and self.quote in ("", "`"):
            self.quote = "" if self.quote else "`"
            self._add(char)
        elif char in "()" and self.quote in ("", "("):
            self._parenthesis(char)
        else:
            self._add(char)

    def _quote(self, char: str) -> None:
        if self.quote == char:
            self.has_word = True
        self.quote = "" if self.quote == char else char

    def _parenthesis(self, char: str) -> None:
        if char == ")":
            self.quote = "" if self.quote else "("
            self._add(char)
        elif not self.quote and self.current.endswith("$"):
            self.quote = "("
            self.current += "("
        else:
            raise ValueError("invalid command line: a parenthesis needs quotes")
