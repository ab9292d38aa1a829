"""Tags of a labeling config that the editor of an older Label Studio does not have, so that it opens no task."""

from collections.abc import Callable

from packaging.version import Version

from wholebody.label_studio.releases import TAGS
from wholebody.labeling.labeling_xml import parse_xml


def find_unknown_tags(config: str, ask_release: Callable[[], Version | None]) -> str:
    """What the editor lacks for a labeling config, in words; `""` where it has all, or the release is not known.

    Args:
        config: A labeling config that is XML.
        ask_release: Which Label Studio it is for. Called only where the config has a tag that not all of them have.

    Raises:
        LabelStudioError: From `ask_release`.
    """
    newer = {}
    for element in parse_xml(config).iter():
        tag = str(element.tag)
        if since := TAGS.get(tag.lower()):
            newer[f"<{tag}>"] = since
    release = ask_release() if newer else None
    if release is None:
        return ""
    lacking = [f"{tag}, which came with {since}" for tag, since in newer.items() if release < since]
    return f"the editor of Label Studio {release} has no {' and no '.join(lacking)}" if lacking else ""
