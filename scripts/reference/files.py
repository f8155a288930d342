"""Which files are made from the commands, and their text."""

from __future__ import annotations

from scripts.reference.commands import commands_page
from scripts.reference.comparison import flags_page
from scripts.reference.manpages import man_pages
from scripts.reference.output import output_page


def made_files() -> dict[str, str]:
    """File (from the checkout's root) -> text."""
    pages = {f"docs/man/man{name[-1]}/{name}": text for name, text in man_pages().items()}
    return {
        "docs/commands.md": commands_page(),
        "docs/flags.md": flags_page(),
        "docs/output.md": output_page(),
        **pages,
    }
