"""Writes what of the docs comes from the code: docs/api.md, the settings table and the help texts of the commands.

`python -m docs.generate` writes them, with `--check` it only says whether they are up to date.
"""

import re
from pathlib import Path

import click
from pydantic.fields import FieldInfo

from docs.api_reference import render_api
from wholebody.__main__ import main as commands
from wholebody.settings import Settings, variables

FOLDER = Path(__file__).parent
HELP_WIDTH = 100


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if something is not up to date.")
def main(check: bool) -> None:
    """Write docs/api.md and the generated parts of docs/settings.md and docs/commands.md."""
    for name, current in pages().items():
        path = FOLDER / name
        if path.exists() and path.read_text(encoding="utf-8") == current:
            click.echo(f"{name} is up to date.")
        elif check:
            raise click.ClickException(f"{name} is not up to date; run `make docs`")
        else:
            path.write_text(current, encoding="utf-8")
            click.echo(f"{name} was written anew.")


def pages() -> dict[str, str]:
    """Each page that is written here, or parts of which are -> how it must read."""
    helps = {f"help {name}": _help(name, command) for name, command in commands.commands.items()}
    return {
        "settings.md": _filled("settings.md", {"settings": _settings_table()}),
        "commands.md": _filled("commands.md", helps),
        "api.md": render_api(),
    }


def _filled(name: str, parts: dict[str, str]) -> str:
    """A page with each generated part put between its two markers.

    Raises:
        ClickException: A part's markers are missing, or there twice.
    """
    text = (FOLDER / name).read_text(encoding="utf-8")
    for title, part in parts.items():
        begin, end = f"<!-- generated: {title} -->", f"<!-- end: {title} -->"
        between = re.compile(f"{re.escape(begin)}\n.*?{re.escape(end)}", re.DOTALL)
        if len(between.findall(text)) != 1:
            raise click.ClickException(f"{name} must have {begin} and {end} once, on lines of their own")
        text = between.sub(lambda _, new=f"{begin}\n\n{part}\n\n{end}": new, text)  # type: ignore[misc]
    return text


def _settings_table() -> str:
    rows = ["| Variable | Default | What it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        spellings = " or ".join(f"`{variable}`" for variable, named in variables().items() if named == name)
        description = (field.description or "").replace("|", "\\|")
        rows.append(f"| {spellings} | {_default(field)} | {description} |")
    return "\n".join(rows)


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None:
        return "not set"
    return f"`{','.join(map(str, value)) if isinstance(value, tuple) else value}`"


def _help(name: str, command: click.Command) -> str:
    context = click.Context(
        command, info_name=f"wholebody {name}", terminal_width=HELP_WIDTH, max_content_width=HELP_WIDTH
    )
    return f"```text\n{command.get_help(context)}\n```"


if __name__ == "__main__":
    main(prog_name="python -m docs.generate")
