"""The bounds of a labeling config: a short text can ask for more work than a day has."""

import pytest

from wholebody.errors import LabelingConfigError
from wholebody.labeling.labeling_config import parse_labeling_config
from wholebody.labeling.labeling_xml import (
    MAX_CONFIG_BYTES,
    MAX_IMAGES,
    MAX_LABELS,
    MAX_NAME_CHARS,
    in_short,
    parse_xml,
    read_elements,
)

IMAGES = [f"i{number}" for number in range(MAX_IMAGES)]


def config(labels: str = '<Label value="nose"/>', images: list[str] | None = None, **attributes: str) -> str:
    names = IMAGES[:1] if images is None else images
    shown = "".join(f'<Image name="{name}" value="$image"/>' for name in names)
    given = "".join(f' {name}="{value}"' for name, value in ({"name": "kp"} | attributes).items())
    return f'<View>{shown}<KeyPointLabels toName="{",".join(names)}"{given}>{labels}</KeyPointLabels></View>'


def filled(size: int) -> str:
    """A config of so many bytes."""
    return config().replace("<View>", f"<View><!--{'x' * (size - len(config()) - 7)}-->", 1)


LONG = "x" * (MAX_NAME_CHARS + 1)


@pytest.mark.parametrize(
    ("most", "more", "message"),
    [
        pytest.param(
            filled(MAX_CONFIG_BYTES),
            filled(MAX_CONFIG_BYTES + 1),
            "the labeling config has 1048577 bytes, over the limit of 1048576; leave out what is not needed",
            id="text",
        ),
        pytest.param(
            config(images=IMAGES),
            config(images=[*IMAGES, "one_more"]),
            "the labeling config has controls on 33 images; at most 32 are filled",
            id="images",
        ),
        pytest.param(
            config('<Label value="nose"/>' * (MAX_LABELS // MAX_IMAGES - 1), IMAGES),
            config('<Label value="nose"/>' * (MAX_LABELS // MAX_IMAGES), IMAGES),
            "the labeling config has 100032 labels and controls on its images; at most 100000 are read",
            id="labels times images",
        ),
        pytest.param(
            config(name=LONG[1:]),
            config(name=LONG),
            f"KeyPointLabels: name='{LONG[:40]}'... has 501 characters, over the limit of 500",
            id="name of a control",
        ),
        pytest.param(
            config(images=[LONG[1:]]),
            config(images=[LONG]),
            "Image: name='xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'... has 501 characters, over the limit of 500",
            id="name of an image",
        ),
        pytest.param(
            config(f'<Label value="{LONG[1:]}" alias="nose"/>'),
            config(f'<Label value="{LONG}" alias="nose"/>'),
            "Label: value='xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'... has 501 characters, over the limit of 500",
            id="label",
        ),
        pytest.param(
            config(f'<Label value="nose" alias="{LONG[1:]}"/>'),
            config(f'<Label value="nose" alias="{LONG}"/>'),
            "Label: alias='xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'... has 501 characters, over the limit of 500",
            id="alias",
        ),
    ],
)
def test_what_is_beyond_the_bounds_is_refused(most: str, more: str, message: str) -> None:
    assert parse_labeling_config(most).targets
    with pytest.raises(LabelingConfigError) as raised:
        parse_labeling_config(more)
    assert str(raised.value).casefold() == message.casefold()


@pytest.mark.parametrize("index", ["9" * 5000, "0" * 5000, "1" * 10, "133", "²", "-1", "1.0", ""])
def test_a_model_index_that_is_no_keypoint_stands_for_none(index: str) -> None:
    """Python refuses to read a number of over 4,300 digits."""
    (target,) = parse_labeling_config(config(f'<Label value="nose"/><Label value="x" model_index="{index}"/>')).targets
    assert (target.keypoints[0].labels, target.keypoints[0].unmatched) == ({0: "nose"}, ("x",))


def test_a_label_belongs_to_the_control_around_it_alone() -> None:
    """Else labels would count once for each control around them."""
    inner = '<KeyPointLabels name="inner" toName="i0"><View><Label value="left_eye"/></View></KeyPointLabels>'
    controls = read_elements(parse_xml(config(f'<Label value="nose"/>{inner}<Label value="right_eye"/>'))).controls
    read = {control.name: [label.get("value") for label in control.labels] for control in controls}
    assert read == {"kp": ["nose", "right_eye"], "inner": ["left_eye"]}


def test_skipped_controls_do_not_count() -> None:
    assert parse_labeling_config(config()[: -len("</View>")] + config(model_skip="true", name=LONG)[6:]).targets


@pytest.mark.parametrize(
    "xml",
    [
        config(images=[f"{number}{'x' * 400}" for number in range(9)]).replace("toName", "other"),
        config(f'<Label value="{"y" * 500}"/>' * 5),
        config(model_point_size="1" * 100_000 + "x"),
        f"<View><{'a' * 40_000}></View>",
    ],
)
def test_an_error_is_short_whatever_it_names(xml: str) -> None:
    with pytest.raises(LabelingConfigError) as raised:
        parse_labeling_config(xml)
    assert len(str(raised.value)) < 500 and "\n" not in str(raised.value)


def test_names_are_cut_where_they_are_too_many() -> None:
    assert in_short(["a", "b"]) == "a, b"
    assert in_short(["abc", "def"], 5) == "abc, ..."
