"""Writes what of the docs comes from the code: docs/api.md, and of README.md the settings table and commands' help.

`python -m docs.generate` writes them, with `--check` it only says whether they are up to date.
"""

import re
from pathlib import Path

import click
from pydantic.fields import FieldInfo

from docs.api_reference import render_api
from wholebody.__main__ import main as commands
from wholebody.settings import Settings, variables

README = Path(__file__).resolve().parents[1] / "README.md"
API = Path(__file__).with_name("api.md")
HELP_WIDTH = 100
INVOCATIONS = {"prefill": "python create_predictions.py"}
"""Commands that the README shows under another name than `python -m wholebody NAME`."""


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if something is not up to date.")
def main(check: bool) -> None:
    """Write docs/api.md and the generated parts of README.md."""
    readme = README.read_text(encoding="utf-8")
    api = API.read_text(encoding="utf-8") if API.exists() else ""
    for path, text, current in ((README, readme, render(readme)), (API, api, render_api())):
        if current == text:
            click.echo(f"{path.name} is up to date.")
        elif check:
            raise click.ClickException(f"{path.name} is not up to date; run `make docs`")
        else:
            path.write_text(current, encoding="utf-8")
            click.echo(f"{path.name} was written anew.")


def render(text: str) -> str:
    """The README with each generated part put between its two markers.

    Raises:
        ClickException: A part's markers are missing, or there twice.
    """
    for name, part in parts().items():
        begin, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
        between = re.compile(f"{re.escape(begin)}\n.*?{re.escape(end)}", re.DOTALL)
        if len(between.findall(text)) != 1:
            raise click.ClickException(f"README.md must have {begin} and {end} once, on lines of their own")
        text = between.sub(lambda _, new=f"{begin}\n\n{part}\n\n{end}": new, text)  # type: ignore[misc]
    return text


def parts() -> dict[str, str]:
    """Each generated part's name -> its Markdown."""
    return {"settings": _settings_table()} | {
        f"help {name}": _help(name, command) for name, command in commands.commands.items()
    }


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
    called = INVOCATIONS.get(name, f"python -m wholebody {name}")
    context = click.Context(command, info_name=called, terminal_width=HELP_WIDTH, max_content_width=HELP_WIDTH)
    return f"```text\n{command.get_help(context)}\n```"


if __name__ == "__main__":
    main(prog_name="python -m docs.generate")
