import re

import pytest

from wholebody.errors import LabelingConfigError
from wholebody.keypoints import NAMES
from wholebody.labeling.labeling_config import CURE, LabelingConfig, parse_labeling_config
from wholebody.labeling.targets import BoxControl, ImageTarget

IMAGE = '<Image name="img" value="$image"/>'


def keypoints(labels: str, attributes: str = "", name: str = "kp", to: str = "img") -> str:
    return f'<KeyPointLabels name="{name}" toName="{to}" {attributes}>{labels}</KeyPointLabels>'


def rectangles(labels: str, attributes: str = "", name: str = "box", to: str = "img") -> str:
    return f'<RectangleLabels name="{name}" toName="{to}" {attributes}>{labels}</RectangleLabels>'


def view(*parts: str) -> str:
    return f"<View>{''.join(parts)}</View>"


def parse(*parts: str) -> ImageTarget:
    (target,) = parse_labeling_config(view(IMAGE, *parts)).targets
    return target


NOSE = '<Label value="nose"/>'

LABELS: list[tuple[str, dict[int, str], tuple[str, ...]]] = [
    # by the dataset's name
    ('<Label value="left_wrist"/>', {9: "left_wrist"}, ()),
    # case, space, - and _ are alike
    ('<Label value="Left Wrist"/>', {9: "Left Wrist"}, ()),
    ('<Label value="LEFT-WRIST"/>', {9: "LEFT-WRIST"}, ()),
    ('<Label value="leftWrist"/>', {9: "leftWrist"}, ()),
    ('<Label value="Face 0"/>', {23: "Face 0"}, ()),
    # by predicted_values, whatever the name
    ('<Label value="Poignet" predicted_values="left_wrist"/>', {9: "Poignet"}, ()),
    ('<Label value="nose" predicted_values="left_wrist"/>', {9: "nose"}, ()),
    # ... several of them
    (
        '<Label value="ears" predicted_values="left_ear, Right Ear ,unknown"/>',
        {3: "ears", 4: "ears"},
        (),
    ),
    # ... blank ones count for nothing
    ('<Label value="nose" predicted_values=" , "/>', {0: "nose"}, ()),
    # ... none of which is known: the name
    ('<Label value="nose" predicted_values="cat"/>', {0: "nose"}, ()),
    # the alias is a name, and what regions must carry
    ('<Label value="Nase" alias="nose"/>', {0: "nose"}, ()),
    ('<Label value="nose" alias="n"/>', {0: "n"}, ()),
    # by model_index, where the name says nothing
    ('<Label value="kp_0" model_index="0"/><Label value="kp_132" model_index="132"/>', {0: "kp_0", 132: "kp_132"}, ()),
    # ... the name comes first
    ('<Label value="nose" model_index="5"/>', {0: "nose"}, ()),
    # ... predicted_values forbid it
    ('<Label value="a" predicted_values="cat" model_index="5"/>' + NOSE, {0: "nose"}, ("a",)),
    # ... it must be one
    ('<Label value="a" model_index="133"/><Label value="b" model_index="-1"/>' + NOSE, {0: "nose"}, ("a", "b")),
    ('<Label value="a" model_index="1.0"/><Label value="b" model_index="²"/>' + NOSE, {0: "nose"}, ("a", "b")),
    # a keypoint goes to the first label
    (NOSE + '<Label value="Nose"/>', {0: "nose"}, ("Nose",)),
    # unknown labels are told
    (NOSE + '<Label value="tail"/>', {0: "nose"}, ("tail",)),
    # other alphabets stay as they are
    ('<Label value="鼻子 &amp; é" predicted_values="nose"/>', {0: "鼻子 & é"}, ()),
    # labels in upper case and nested in a view
    ('<View><LABEL value="nose"/></View>', {0: "nose"}, ()),
    # comments and instructions
    (f"<!-- <Label value='left_eye'/> --><?pi x?>{NOSE}", {0: "nose"}, ()),
]


@pytest.mark.parametrize(("labels", "expected", "unmatched"), LABELS)
def test_which_label_stands_for_which_keypoint(
    labels: str, expected: dict[int, str], unmatched: tuple[str, ...]
) -> None:
    (control,) = parse(keypoints(labels)).keypoints
    assert (control.labels, control.unmatched) == (expected, unmatched)


@pytest.mark.parametrize("spelling", [str.upper, str.title, lambda name: name.replace("_", " ").replace("-", "_")])
def test_all_133_names_are_known(spelling: object) -> None:
    labels = "".join(f'<Label value="{spelling(name)}"/>' for name in NAMES)  # type: ignore[operator]
    (control,) = parse(keypoints(labels)).keypoints
    assert list(control.labels) == list(range(133))
    assert control.unmatched == ()


def test_the_keypoints_of_several_controls_do_not_overlap() -> None:
    body = keypoints(NOSE + '<Label value="left_eye"/>', "model_score_threshold='0.5'", "body")
    face = keypoints('<Label value="Nose"/><Label value="face-0"/>', "", "face")
    first, second = parse(body, face).keypoints
    assert (first.name, first.labels, first.score_threshold) == ("body", {0: "nose", 1: "left_eye"}, 0.5)
    assert (second.name, second.labels, second.unmatched) == ("face", {23: "face-0"}, ("Nose",))


@pytest.mark.parametrize(
    ("attributes", "score", "point", "size"),
    [
        # defaults
        ("", 0.0, None, None),
        # all given
        ('model_score_threshold="0.5" model_point_threshold="0.25" model_point_size="1.5"', 0.5, 0.25, 1.5),
        # zero is a value
        ('model_score_threshold="0" model_point_threshold="0" model_point_size="0"', 0.0, 0.0, 0),
        # blank is none
        ('model_score_threshold=" " model_point_threshold="" model_point_size=""', 0.0, None, None),
        # the default by its name
        ('model_point_size="Auto"', 0.0, None, None),
    ],
)
def test_numbers_of_a_control(attributes: str, score: float, point: float | None, size: float | None) -> None:
    (control,) = parse(keypoints(NOSE, attributes)).keypoints
    assert (control.score_threshold, control.point_threshold, control.point_size) == (score, point, size)


@pytest.mark.parametrize("value", ["1.1", "-0.1", "nan", "inf", "half", "0,5"])
@pytest.mark.parametrize("tag", ["KeyPointLabels", "RectangleLabels"])
def test_a_threshold_must_be_a_number_from_0_to_1(tag: str, value: str) -> None:
    attribute = f'model_score_threshold="{value}"'
    parts = [keypoints(NOSE, attribute)] if tag == "KeyPointLabels" else [keypoints(NOSE), rectangles(NOSE, attribute)]
    message = f"^{tag} '.*': model_score_threshold='{re.escape(value)}' must be a number from 0 to 1$"
    with pytest.raises(LabelingConfigError, match=message):
        parse(*parts)


@pytest.mark.parametrize("value", ["101", "automatic"])
def test_a_point_size_must_be_a_percentage(value: str) -> None:
    message = f"^KeyPointLabels 'kp': model_point_size='{value}' must be auto or a number from 0 to 100$"
    with pytest.raises(LabelingConfigError, match=message):
        parse(keypoints(NOSE, f'model_point_size="{value}"'))


PERSON = '<Label value="person"/>'


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        # none
        ([], None),
        # called person
        ([rectangles('<Label value="car"/><Label value="Person"/>')], BoxControl("box", "Person", 0.0)),
        # ... in predicted_values
        ([rectangles('<Label value="Mensch" predicted_values="cat,person"/>')], BoxControl("box", "Mensch", 0.0)),
        # ... with an alias
        ([rectangles('<Label value="people" alias="P"/>')], BoxControl("box", "P", 0.0)),
        # the only label, whatever it is called
        ([rectangles('<Label value="someone"/>', 'model_score_threshold="0.4"')], BoxControl("box", "someone", 0.4)),
        # several, none of them a person
        ([rectangles('<Label value="car"/><Label value="dog"/>')], None),
        # a person in the second control comes before the only label of the first
        (
            [rectangles('<Label value="car"/>', name="a"), rectangles(PERSON, name="b")],
            BoxControl("b", "person", 0.0),
        ),
        # left out on purpose
        ([rectangles(PERSON, 'model_skip="true"')], None),
        # on another image
        ([rectangles(PERSON, to="other")], None),
        # without labels
        ([rectangles("")], None),
    ],
)
def test_the_box_control(boxes: list[str], expected: BoxControl | None) -> None:
    assert parse(keypoints(NOSE), *boxes).box == expected


@pytest.mark.parametrize("skip", ["true", "TRUE", "1", "yes"])
def test_a_skipped_control_is_not_filled(skip: str) -> None:
    skipped = keypoints(NOSE, f'model_skip="{skip}"', "skipped")
    assert [c.name for c in parse(skipped, keypoints(NOSE, 'model_skip="false"')).keypoints] == ["kp"]
    with pytest.raises(LabelingConfigError, match=r"^the labeling config has no <KeyPointLabels> to fill; "):
        parse(skipped)


def test_two_images_are_filled_each_by_its_own_controls() -> None:
    other = '<Image name="other" value="$url2"/>'
    config = parse_labeling_config(
        view(IMAGE, other, keypoints(NOSE, to="img"), keypoints(NOSE, name="kp2", to="other"), rectangles(PERSON))
    )
    assert [(t.name, t.value, [c.name for c in t.keypoints], t.box) for t in config.targets] == [
        ("img", "$image", ["kp"], BoxControl("box", "person", 0.0)),
        ("other", "$url2", ["kp2"], None),
    ]


def test_a_control_on_two_images_and_an_image_without_controls() -> None:
    others = '<Image name="two" value="$b"/><Image name="three" value="$c"/><Image name="unset"/>'
    config = parse_labeling_config(view(IMAGE, others, keypoints(NOSE, to="img, two")))
    assert [target.name for target in config.targets] == ["img", "two"]


def test_a_config_is_parsed_once() -> None:
    assert parse_labeling_config(view(IMAGE, keypoints(NOSE))) is parse_labeling_config(view(IMAGE, keypoints(NOSE)))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], 'the labeling config has no <Image name="..." value="$..."> to find people in'),
        (['<Image name="img"/>'], 'the labeling config has no <Image name="..." value="$..."> to find people in'),
        ([IMAGE], f"the labeling config has no <KeyPointLabels> to fill; {CURE}"),
        (
            [IMAGE, keypoints(NOSE, to="image")],
            "no <KeyPointLabels> has a toName of an <Image> (img); correct toName",
        ),
        ([IMAGE, keypoints("")], f"the <KeyPointLabels> have no <Label>; {CURE}"),
        (
            [IMAGE, keypoints("".join(f'<Label value="p{i}"/>' for i in range(7)))],
            "none of the 7 keypoint labels (p0, p1, p2, p3, p4, ...) is known, such as nose, left_wrist, face-0; "
            + CURE,
        ),
        (
            [IMAGE, keypoints('<Label value="a" alias="b"/>')],
            f"none of the 1 keypoint labels (b) is known, such as nose, left_wrist, face-0; {CURE}",
        ),
    ],
)
def test_a_config_with_nothing_to_fill(parts: list[str], message: str) -> None:
    with pytest.raises(LabelingConfigError, match=f"^{re.escape(message)}$"):
        parse_labeling_config(view(*parts))


def test_a_config_is_a_value() -> None:
    assert isinstance(parse_labeling_config(view(IMAGE, keypoints(NOSE))), LabelingConfig)
    with pytest.raises(AttributeError, match="cannot assign to field"):
        parse_labeling_config(view(IMAGE, keypoints(NOSE))).targets = ()  # type: ignore[misc]
