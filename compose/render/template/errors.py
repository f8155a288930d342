"""What can be wrong with a template."""

from __future__ import annotations

from compose.errors import UsageError


class TemplateError(UsageError):
    """A template that cannot be parsed, or asks for something that is not there."""

    def __init__(self, message: str) -> None:
        super().__init__(
            f"the template of --format: {message}",
            hint="templates are Go's, as in `{{.Name}}: {{.State}}`; `{{json .}}` prints every field that there is",
        )
