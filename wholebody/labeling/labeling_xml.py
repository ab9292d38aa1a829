"""XML text -> the elements of a labeling config that matter here, within bounds. Knows no keypoints."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from wholebody.errors import LabelingConfigError

MAX_CONFIG_BYTES = 1 << 20
"""The largest that `wholebody config` prints has 15 kB. Parsed configs are kept, and entities grow with the text."""

MAX_IMAGES = 32
MAX_LABELS = 100_000
"""Images that are filled, and labels of all their controls: where an image shares a control, they count again. The
config of a task with many pages may have as many images as it has labels."""

MAX_NAME_CHARS = 500
"""Of names and labels, which every region carries."""

CONTROL_TAGS = frozenset({"keypointlabels", "vectorlabels", "rectanglelabels", "labels"})
TOOL_TAGS = frozenset({"keypoint", "vector", "rectangle"})
"""Tools without labels of their own: `<Labels>` beside them has the labels."""


@dataclass(frozen=True, slots=True)
class Control:
    """An element of `CONTROL_TAGS` or `TOOL_TAGS`.

    Attributes:
        element: The element itself.
        tag: Its tag in lower case.
        aims: The names in its `toName`: images, where they are any.
        labels: The `<Label>` elements in it, in document order; those of a control inside it are that one's.
    """

    element: Any
    tag: str
    aims: frozenset[str]
    labels: list[Any] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its `name`, the regions' `from_name`."""
        return str(self.element.get("name", ""))


@dataclass(frozen=True, slots=True)
class Elements:
    """What matters of a labeling config.

    Attributes:
        images: `<Image>` elements that have a `value` or a `valueList`, by name.
        controls: Elements of `CONTROL_TAGS`.
        tools: Elements of `TOOL_TAGS`.
    """

    images: dict[str, Any]
    controls: list[Control]
    tools: list[Control]

    def on_images(self) -> dict[str, tuple[list[Control], list[Control]]]:
        """Image -> the controls and the tools on it; images with a control alone, in document order."""
        found: dict[str, tuple[list[Control], list[Control]]] = {name: ([], []) for name in self.images}
        for place, controls in enumerate((self.controls, self.tools)):
            for control in controls:
                for name in control.aims & found.keys():
                    found[name][place].append(control)
        return {name: (controls, tools) for name, (controls, tools) in found.items() if controls}


def parse_xml(xml: object) -> Any:
    """The root element of a labeling config.

    Raises:
        LabelingConfigError: Not XML, too long, or with a DOCTYPE.
    """
    if not isinstance(xml, str) or not xml.strip():
        raise LabelingConfigError("the labeling config is empty; set one in Settings > Labeling Interface")
    content = xml.strip().encode("utf-8", "replace")
    if len(content) > MAX_CONFIG_BYTES:
        raise LabelingConfigError(
            f"the labeling config has {len(content)} bytes, over the limit of {MAX_CONFIG_BYTES}; leave out what is "
            "not needed"
        )
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise LabelingConfigError(f"the labeling config is not XML: {in_short([_line(error)])}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise LabelingConfigError("the labeling config has a DOCTYPE, which Label Studio does not know")
    return root


def read_elements(root: Any, max_images: int = MAX_IMAGES) -> Elements:
    """Read the elements below a root in one pass.

    Raises:
        LabelingConfigError: They are beyond the bounds.
    """
    images: dict[str, Any] = {}
    controls: list[Control] = []
    tools: list[Control] = []
    inside: list[Control] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = str(element.tag).lower()  # Label Studio does not tell upper from lower case
        if event == "end":
            if tag in CONTROL_TAGS:
                inside.pop()
        elif tag in CONTROL_TAGS:
            inside.append(Control(element, tag, _aims(element)))
            controls.append(inside[-1])
        elif tag in TOOL_TAGS:
            tools.append(Control(element, tag, _aims(element)))
        elif tag == "label" and inside:
            inside[-1].labels.append(element)
        elif tag == "image" and (element.get("value") or attribute(element, "valueList")):
            images[element.get("name", "")] = element
    elements = Elements(images, _filled(controls), _filled(tools))
    _check_bounds(elements, max_images)
    return elements


def _aims(element: Any) -> frozenset[str]:
    return frozenset(name.strip() for name in element.get("toName", "").split(","))


def _filled(controls: list[Control]) -> list[Control]:
    return [control for control in controls if not is_true(control.element, "model_skip")]


def attribute(element: Any, name: str, default: str = "") -> str:
    """An attribute, whose name Label Studio reads in upper and lower case alike."""
    return next((str(value) for given, value in element.attrib.items() if given.lower() == name.lower()), default)


def is_true(element: Any, name: str) -> bool:
    """Whether an attribute says yes."""
    return attribute(element, name).lower() in ("true", "1", "yes")


def in_short(names: Iterable[str], length: int = 200) -> str:
    """Names for an error message, which is one line however many and long they are."""
    text = ", ".join(names)
    return text if len(text) <= length else text[:length] + "..."


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _check_bounds(elements: Elements, max_images: int) -> None:
    """Work and answers grow with images times labels, which a short text can have many of."""
    images = elements.on_images()
    if len(images) > max_images:
        raise LabelingConfigError(
            f"the labeling config has controls on {len(images)} images; at most {max_images} are filled"
        )
    labels = sum(
        len(control.aims & elements.images.keys()) * (1 + len(control.labels))
        for control in (*elements.controls, *elements.tools)
    )
    if labels > MAX_LABELS:
        raise LabelingConfigError(
            f"the labeling config has {labels} labels and controls on its images; at most {MAX_LABELS} are read"
        )
    for name in images:
        _check_name("Image", "name", name)
    for control in (*elements.controls, *elements.tools):
        _check_name(control.element.tag, "name", control.name)
        for label in control.labels:
            _check_name("Label", "value", label.get("value", ""))
            _check_name("Label", "alias", label.get("alias", ""))


def _check_name(tag: str, attribute: str, name: str) -> None:
    if len(name) > MAX_NAME_CHARS:
        raise LabelingConfigError(
            f"{tag}: {attribute}={name[:40]!r}... has {len(name)} characters, over the limit of {MAX_NAME_CHARS}"
        )
