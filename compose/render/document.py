"""The resolved project as YAML or JSON, in the style of docker compose's output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

# Plain words that YAML 1.1 readers take for booleans, which PyYAML itself writes bare.
_TAKEN_FOR_BOOLEAN = {"y", "Y", "n", "N"}


def as_json(document: Mapping[str, Any]) -> str:
    """Two spaces per level, no escapes beyond JSON's own; ends with a newline."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_yaml(document: Mapping[str, Any]) -> str:
    """Two spaces per level, also below lists; strings that read as something else in double quotes."""
    text: str = yaml.dump(
        document, Dumper=_Dumper, default_flow_style=False, sort_keys=False, allow_unicode=True, width=2**31
    )
    return text


class _Dumper(yaml.SafeDumper):
    """PyYAML's writer with indented lists, without anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, data: str) -> yaml.ScalarNode:
        """A string in the style that keeps it one and is easiest to read."""
        style = None
        if "\n" in data and not any(line != line.rstrip() for line in data.split("\n")):
            style = "|"
        elif data in _TAKEN_FOR_BOOLEAN or not self._is_text(data):
            style = '"'
        return self.represent_scalar(_TEXT, data, style)

    def _is_text(self, data: str) -> bool:
        tag: str = self.resolve(yaml.ScalarNode, data, (True, False))  # type: ignore[no-untyped-call]
        return tag == _TEXT

    def represent_nothing(self, _: None) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:null", "null")


_TEXT = "tag:yaml.org,2002:str"
_Dumper.add_representer(str, _Dumper.represent_text)
_Dumper.add_representer(type(None), _Dumper.represent_nothing)
