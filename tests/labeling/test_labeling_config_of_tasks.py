"""Labeling configs that say for each task anew what is in it: `<Repeater>`, and labels of the task's data."""

import pytest

from tests.labeling.test_labeling_config import IMAGE, keypoints, view
from wholebody.errors import LabelingConfigError
from wholebody.labeling.expansion import MAX_ELEMENTS
from wholebody.labeling.labeling_config import LabelingConfig, parse_labeling_config

PAGES = (
    '<Repeater on="$pages"><Image name="page_{{idx}}" value="$pages[{{idx}}].url"/>'
    '<KeyPointLabels name="kp_{{idx}}" toName="page_{{idx}}"><Label value="nose"/><Label value="tail"/>'
    "</KeyPointLabels></Repeater>"
)


def names(config: LabelingConfig) -> list[tuple[str, str, str, dict[int, str]]]:
    return [(t.name, t.value, control.name, control.labels) for t in config.targets for control in t.keypoints]


def of_pages(count: int) -> list[tuple[str, str, str, dict[int, str]]]:
    return [(f"page_{i}", f"$pages[{i}].url", f"kp_{i}", {0: "nose"}) for i in range(count)]


def test_a_repeater_is_written_out_for_each_task() -> None:
    config = parse_labeling_config(view(PAGES))
    assert names(config) == of_pages(1), "an example, for those who have no task"
    assert names(config.for_task({"pages": [{}, {}, {}]})) == of_pages(3)
    assert names(config.for_task({"pages": [{}]})) == of_pages(1)


@pytest.mark.parametrize("pages", [[], None, "ab", 5, {"a": 1}])
def test_a_repeater_that_finds_nothing(pages: object) -> None:
    with pytest.raises(LabelingConfigError, match=r"^the <Repeater> of the labeling config finds nothing in the task"):
        parse_labeling_config(view(PAGES)).for_task({"pages": pages})


def test_an_index_flag_of_its_own_and_a_control_outside() -> None:
    repeater = '<repeater on="$pages" indexflag="#"><Image name="p#" value="$pages[#]"/></repeater>'
    config = parse_labeling_config(view(repeater, keypoints('<Label value="nose"/>', to="p0,p1"))).for_task(
        {"pages": ["a", "b"]}
    )
    assert [(t.name, t.value, t.keypoints[0].name) for t in config.targets] == [
        ("p0", "$pages[0]", "kp"),
        ("p1", "$pages[1]", "kp"),
    ]


def test_a_repeater_in_a_repeater() -> None:
    inner = (
        '<Repeater on="$books[{{book}}]" indexFlag="{{idx}}"><Image name="{{book}}_{{idx}}" '
        'value="$books[{{book}}][{{idx}}]"/><View>'
        '<KeyPointLabels name="k{{book}}_{{idx}}" toName="{{book}}_{{idx}}"><Label value="nose"/></KeyPointLabels>'
        "</View></Repeater>"
    )
    config = parse_labeling_config(view(f'<Repeater on="$books" indexFlag="{{{{book}}}}">{inner}</Repeater>'))
    filled = config.for_task({"books": [["a"], ["b", "c"]]})
    assert [(t.name, t.value, t.keypoints[0].name) for t in filled.targets] == [
        ("0_0", "$books[0][0]", "k0_0"),
        ("1_0", "$books[1][0]", "k1_0"),
        ("1_1", "$books[1][1]", "k1_1"),
    ]


def test_the_editor_puts_an_index_in_once_and_at_the_top_twice() -> None:
    """As `deepReplaceAttributes` and then `attrsToProps` do; a name that we wrote otherwise would be nobody's."""
    twice = '<Image name="{{idx}}{{idx}}{{idx}}" value="$a"/>'
    points = keypoints('<Label value="nose"/>', to="{{idx}}0{{idx}}, 0{{idx}}{{idx}}")
    config = parse_labeling_config(view(f'<Repeater on="$pages">{twice}<View>{points}{twice}</View></Repeater>'))
    assert [target.name for target in config.for_task({"pages": [1]}).targets] == ["00{{idx}}", "0{{idx}}{{idx}}"]


def test_500_pages_with_every_keypoint_are_no_reason_to_refuse() -> None:
    labels = "".join(f'<Label value="x" model_index="{index}"/>' for index in range(133))
    config = parse_labeling_config(view(PAGES.replace('<Label value="nose"/><Label value="tail"/>', labels)))
    filled = config.for_task({"pages": [{}] * 500})
    assert len(filled.targets) == 500
    assert len(filled.targets[-1].keypoints[0].labels) == 133


def test_more_than_can_be_written_out() -> None:
    config = parse_labeling_config(view(PAGES))
    message = rf"^the labeling config has more than {MAX_ELEMENTS} elements with the task's '\$pages' written out; s"
    with pytest.raises(LabelingConfigError, match=message):
        config.for_task({"pages": [0] * MAX_ELEMENTS})


def test_labels_of_the_task() -> None:
    config = parse_labeling_config(view(IMAGE, keypoints('<Label value="tail"/>', 'value="$parts.labels"')))
    (target,) = config.targets
    assert (target.keypoints[0].labels, target.keypoints[0].task_labels) == ({}, "$parts.labels")
    labels = [
        {"value": "nose", "background": "red", "id": 5},
        {"value": "Knie", "alias": "left_knee"},
        {"value": "Auge", "predicted_values": "left_eye"},
        {"value": "x", "model_index": 9},
        {"value": "\x00"},
        {"value": ["nose"]},
        "left_hip",
        None,
    ]
    (target,) = config.for_task({"parts": {"labels": labels}}).targets
    assert target.keypoints[0].labels == {0: "nose", 13: "left_knee", 1: "Auge", 9: "x"}
    assert target.keypoints[0].unmatched == ("tail", "")


@pytest.mark.parametrize("labels", [None, "nose", [], [{"value": "tail"}], {"value": "nose"}])
def test_labels_of_a_task_that_are_none_of_ours(labels: object) -> None:
    config = parse_labeling_config(view(IMAGE, keypoints("", 'value="$labels"')))
    with pytest.raises(LabelingConfigError, match=r"^(none of the 1 keypoint labels|the <KeyPointLabels> have no)"):
        config.for_task({"labels": labels})


def test_a_config_that_depends_on_no_task_is_the_same_for_all() -> None:
    config = parse_labeling_config(view(IMAGE, keypoints('<Label value="nose"/>', 'value="nothing of a task"')))
    assert config.for_task({"a": 1}) is config
