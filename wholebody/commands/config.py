"""The `config` command: a labeling config, printed or set on a project without orphaning what is annotated there."""

from collections.abc import Iterator

from lxml import etree

from wholebody.errors import LabelingConfigError, SettingsError
from wholebody.keypoints import PART_SLICES, Part
from wholebody.label_studio.client import LabelStudioClient, Usage
from wholebody.labeling.config_writer import PRESETS, Prompt, parse_parts, write_config
from wholebody.process.stopping import Stop
from wholebody.settings import load_settings

DEFAULT_PRESET = "wholebody"
MOST_ORPHANS = 5
"""As many are named in an error."""


def choose_parts(preset: str | None, parts: str | None) -> tuple[Part, ...]:
    """The parts that the two options mean.

    Raises:
        SettingsError: Both are given, or a part is not known.
    """
    if preset and parts:
        raise SettingsError("--preset and --parts exclude each other; give one of them")
    return parse_parts(parts) if parts else PRESETS[preset or DEFAULT_PRESET]


def run_config(preset: str | None, parts: str | None, *, skeleton: bool, prompt: str, project_id: int | None) -> str:
    """The config, or what was done with it.

    Raises:
        WholebodyError: It cannot be written or must not be set.
    """
    chosen = choose_parts(preset, parts)
    config = write_config(chosen, skeleton=skeleton, prompt=Prompt(prompt))
    if project_id is None:
        return config
    client = LabelStudioClient(load_settings(), Stop())
    project = client.project(project_id)
    where = f"project {project_id} {project.title!r}"
    _check_fits(config, client.usage(project_id), where)
    client.set_label_config(project_id, config)
    count = sum(PART_SLICES[part].stop - PART_SLICES[part].start for part in chosen)
    what = f"{count} keypoints ({', '.join(chosen)}){' as skeletons' if skeleton else ''}"
    return f"{where}: labeling config set to {what}, prompt {prompt}."


def _check_fits(config: str, usage: Usage, where: str) -> None:
    key = str(next(etree.fromstring(config).iter("Image")).get("value")).removeprefix("$")
    if usage.data_keys and key not in usage.data_keys:
        keys = ", ".join(sorted(usage.data_keys))[:200]
        raise LabelingConfigError(
            f"{where}: its tasks have no key {key!r} (they have {keys}); print the config, change its $image"
            " and paste it into Settings > Labeling Interface > Code"
        )
    orphans = [*_orphans(config, usage)]
    if orphans:
        some = ", ".join(orphans[:MOST_ORPHANS]) + (", ..." if len(orphans) > MOST_ORPHANS else "")
        raise LabelingConfigError(
            f"{where}: not changed, for its annotations would be orphaned: {some}; choose options with these"
            " controls and labels, or a new project"
        )


def _orphans(config: str, usage: Usage) -> Iterator[str]:
    """What is used and the config lacks: regions whose control is gone, labels that their control lost."""
    controls = [element for element in etree.fromstring(config).iter() if element.get("toName")]
    kept = {(c.attrib["name"], c.attrib["toName"], str(c.tag).lower()) for c in controls}
    for (name, to_name, kind), count in usage.regions.items():
        if count and (name, to_name, kind) not in kept:
            yield f"{count} of {name!r} ({kind})"
    labels = {c.attrib["name"]: {label.attrib["value"] for label in c.iter("Label")} for c in controls}
    gone = {name for name, _, _ in usage.regions} - labels.keys()  # told above
    for name, counts in usage.labels.items():
        for label, count in counts.items():
            if count and name not in gone and label not in labels.get(name, ()):
                yield f"{count} labelled {label!r} of {name!r}"
