"""`wholebody config`: its options, and what it says. What it writes and sets is of `labeling/` and `label_studio/`."""

import click

DEFAULT_PRESET = "wholebody"


@click.command()
@click.option(
    "--preset",
    type=click.Choice(["body", "body-feet", "wholebody", "hands", "face"]),
    help="Which keypoints to offer: 17, 23, 133, 42 or 68.  [default: wholebody]",
)
@click.option("--parts", help="Instead of a preset: some of body,feet,face,left_hand,right_hand.")
@click.option("--skeleton", is_flag=True, help="One skeleton for each part of a person instead of single points.")
@click.option(
    "--prompt",
    type=click.Choice(["box", "click", "both", "none"]),
    default="box",
    show_default=True,
    help="The smart tools that ask for a person.",
)
@click.option("--visibility", is_flag=True, help="A choice, with the key O, for points that are hidden but known.")
@click.option(
    "--apply",
    "project_id",
    type=int,
    metavar="PROJECT_ID",
    help="Set it on a project, if that orphans no annotation, instead of printing it.",
)
def config(
    preset: str | None, parts: str | None, skeleton: bool, prompt: str, visibility: bool, project_id: int | None
) -> None:
    """Print a labeling config for Settings > Labeling Interface > Code, or set it on a project.

    --apply needs LABEL_STUDIO_URL and LABEL_STUDIO_API_TOKEN.
    """
    from wholebody.errors import SettingsError
    from wholebody.keypoints import PART_SLICES
    from wholebody.labeling.config_writer import PRESETS, Prompt, parse_parts, write_config

    if preset and parts:
        raise SettingsError("--preset and --parts exclude each other; give one of them")
    chosen = parse_parts(parts) if parts else PRESETS[preset or DEFAULT_PRESET]
    written = write_config(chosen, skeleton=skeleton, prompt=Prompt(prompt), visibility=visibility)
    if project_id is None:
        click.echo(written)
        if skeleton:
            click.echo(f"note: {_needs()}", err=True)
        return
    where = _apply(written, project_id)
    count = sum(PART_SLICES[part].stop - PART_SLICES[part].start for part in chosen)
    what = f"{count} keypoints ({', '.join(chosen)}){' as skeletons' if skeleton else ''}"
    choices = ", with visibility" if visibility else ""
    click.echo(f"{where}: labeling config set to {what}, prompt {prompt}{choices}.")


def _apply(config: str, project_id: int) -> str:
    """Set it on a project; the project, in words."""
    from wholebody.errors import LabelingConfigError
    from wholebody.label_studio.client import LabelStudioClient
    from wholebody.labeling.config_fit import check_fits
    from wholebody.labeling.editor_tags import find_unknown_tags
    from wholebody.process.stopping import Stop
    from wholebody.settings import load_settings

    client = LabelStudioClient(load_settings(), Stop())
    where = f"project {project_id} {client.project(project_id).title!r}"
    if unknown := find_unknown_tags(config, client.release):
        raise LabelingConfigError(
            f"{where}: not changed, for no task of it would open: {unknown}; upgrade Label Studio, or leave out"
            " --skeleton"
        )
    check_fits(config, client.usage(project_id), where)
    client.set_label_config(project_id, config)
    return where


def _needs() -> str:
    from wholebody.label_studio.releases import TAGS

    since = TAGS["vectorlabels"]
    return f"skeletons need Label Studio {since} or newer; an older one takes this config, but then opens no task"
