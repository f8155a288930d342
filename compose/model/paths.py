"""Where something is in a document, as people write it."""

from __future__ import annotations

Path = tuple[str | int, ...]


def path_name(path: Path) -> str:
    """`environment.LOG_LEVEL`, `ports[0].published`; a name with a dot in it stands in brackets."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif "." in step or not step:
            import json  # hardly any name

            text += f"[{json.dumps(step, ensure_ascii=False)}]"
        else:
            text += f".{step}" if text else step
    return text
