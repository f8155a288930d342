"""`version`."""

from __future__ import annotations

import click

import pycompose


@click.command("version", help="Print the version")
@click.option("-f", "--format", "style", type=click.Choice(["pretty", "json"]), default="pretty", help="Output format")
@click.option("--short", is_flag=True, help="Only the number")
@click.pass_context
def command(ctx: click.Context, style: str, short: bool) -> None:
    """Print the version."""
    number = pycompose.__version__
    if short:
        click.echo(number)
    elif style == "json":
        click.echo(f'{{"version":"v{number}"}}')
    else:
        click.echo(f"{ctx.find_root().info_name} version v{number}")
