"""Does a labeling config fit what a project already has? Reads no project and sets none."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from lxml import etree

from wholebody.errors import LabelingConfigError
from wholebody.label_studio.client import Usage
from wholebody.labeling.labeling_config import LabelingConfig
from wholebody.labeling.targets import BoxControl, KeypointControl, SkeletonControl

MOST_ORPHANS = 5
"""As many are named in an error."""


def check_fits(config: str, usage: Usage, where: str) -> None:
    """Refuse a labeling config that would orphan what a project has.

    Args:
        config: The config that is to be set.
        usage: What tasks, annotations and drafts of the project use.
        where: The project, in words, for the error.

    Raises:
        LabelingConfigError: The tasks lack its data key, or a control or label that is in use is gone.
    """
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


def fits(result: object, config: LabelingConfig) -> bool:
    """Whether all regions of a stored prediction carry names that a labeling config gives them.

    Args:
        result: The prediction's `result`, as Label Studio has it. What is no region with a control fits.
        config: The config that the prediction is to be shown with. Where names depend on the task, any number in them
            fits, and any label where the labels do.
    """
    if not isinstance(result, list):
        return True
    named: dict[tuple[str, str], set[str] | None] = {}
    for target in config.targets:
        for control in target.controls:
            labels = None if control.task_labels else {*control.labels.values(), *control.unmatched}
            _name(named, target.name, control, labels)
        if target.box:
            _name(named, target.name, target.box, {target.box.label})
    if config.of_tasks:
        named = {(_any_number(image), _any_number(name)): labels for (image, name), labels in named.items()}
    return all(_is_named(region, named, _any_number if config.of_tasks else str) for region in result)


def _name(
    named: dict[tuple[str, str], set[str] | None],
    image: str,
    control: KeypointControl | SkeletonControl | BoxControl,
    labels: set[str] | None,
) -> None:
    """Take up the names of a control, and of the `<Labels>` that it may share with others."""
    for name in {control.name, control.labels_name or control.name}:
        known = named.get((image, name), set())
        named[image, name] = None if known is None or labels is None else known | labels


def _any_number(name: object) -> str:
    return re.sub(r"\d+", "0", str(name))


def _is_named(region: Any, named: dict[tuple[str, str], set[str] | None], plain: Callable[[object], str]) -> bool:
    if not isinstance(region, dict) or not isinstance(region.get("from_name"), str):  # a relation, for example
        return True
    place = plain(region.get("to_name")), plain(region["from_name"])
    known = named.get(place, set())
    value = region.get("value")
    labels = value.get(region.get("type")) if isinstance(value, dict) else None
    if place not in named or known is None or not isinstance(labels, list):
        return place in named
    return all(label in known for label in labels)


def _orphans(config: str, usage: Usage) -> Iterator[str]:
    """What is used and the config lacks: regions whose control is gone, labels that their control lost."""
    controls = [element for element in etree.fromstring(config).iter() if element.get("toName")]
    kept = {(c.attrib["name"], c.attrib["toName"], str(c.tag).lower()) for c in controls}
    for (name, to_name, kind), count in usage.regions.items():
        if count and (name, to_name, kind) not in kept:
            yield f"{count} of {name!r} ({kind})"
    labels = {c.attrib["name"]: {label.attrib["value"] for label in c.iter("Label", "Choice")} for c in controls}
    gone = {name for name, _, _ in usage.regions} - labels.keys()  # told above
    for name, counts in usage.labels.items():
        for label, count in counts.items():
            if count and name not in gone and label not in labels.get(name, ()):
                yield f"{count} labelled {label!r} of {name!r}"
