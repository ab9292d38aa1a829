"""Requests that are large in one way each: what costs too much shows here."""

from collections.abc import Callable
from typing import Any

from tests.fuzz.labeling_configs import GOOD
from tests.fuzz.strategies import as_json
from wholebody.keypoints import NAMES

LABEL = '<Label value="nose"/>'
IMAGE = '<Image name="i0" value="$image"/>'


def _view(*inside: str) -> str:
    return f"<View>{''.join(inside)}</View>"


def _images(count: int) -> str:
    return "".join(f'<Image name="i{i}" value="$image"/>' for i in range(count))


def _points(images: int, inside: str, first: int = 0) -> str:
    aims = ",".join(f"i{i}" for i in range(first, first + images))
    return f'<KeyPointLabels name="k" toName="{aims}">{inside}</KeyPointLabels>'


def _attributes(form: str, count: int) -> str:
    return GOOD.replace("<View", "<View " + " ".join(form.format(i=i) for i in range(count)), 1)


def labeling_config(name: str) -> str:
    """A labeling config that is large in one way."""
    return LABELING_CONFIGS[name]()


def _configs() -> dict[str, Callable[[], str]]:
    open_controls = '<KeyPointLabels toName="i0">' * 250
    variables = '<X indexFlag="a" name="b" toName="b,b,b,b,b,b,b,b,b,b"/>' * 15_000
    everything = f'predicted_values="{",".join(NAMES)}"'
    return {
        "10000 labels": lambda: _view(IMAGE, _points(1, LABEL * 10_000)),
        "100000 labels": lambda: _view(IMAGE, _points(1, "<Label/>" * 100_000)),
        "50000 unknown labels": lambda: _view(IMAGE, _points(1, '<Label value="x"/>' * 50_000)),
        "3000 images and controls": lambda: _view(_images(3000), *(_points(1, LABEL, i) for i in range(3000))),
        "3000 images of one control": lambda: _view(_images(3000), _points(3000, LABEL * 20_000)),
        "32 images of 2000 controls": lambda: _view(_images(32), _points(32, LABEL * 10) * 2000),
        "controls in controls": lambda: _view(IMAGE, open_controls, LABEL * 20_000, "</KeyPointLabels>" * 250),
        "a variable for each control": lambda: _view(IMAGE, _points(1, LABEL), variables),
        "a long label for all keypoints": lambda: _view(
            IMAGE, _points(1, f'<Label value="{"x" * 400_000}" {everything}/>')
        ),
        "a long attribute": lambda: GOOD.replace('value="nose"', f'value="{"x" * 900_000}"'),
        "a long predicted_values": lambda: GOOD.replace('value="nose"', f'predicted_values="{"nose," * 180_000}"'),
        "a long number": lambda: GOOD.replace('value="nose"', f'value="x" model_index="{"9" * 900_000}"'),
        "a long threshold": lambda: GOOD.replace('size="1"', f'size="0.{"1" * 900_000}"'),
        "a long toName": lambda: GOOD.replace('toName="img"', f'toName="{"img," * 200_000}"', 1),
        "20000 attributes": lambda: _attributes("a{i}='1'", 20_000),
        "10000 namespaces": lambda: _attributes("xmlns:a{i}='u{i}'", 10_000),
        "10000 deep": lambda: "<View>" * 10_000 + GOOD + "</View>" * 10_000,
        "a long tag": lambda: _view(f"<{'a' * 500_000}>"),
        "20000 Repeaters": lambda: _view(IMAGE, _points(1, LABEL), '<Repeater on="$image"/>' * 20_000),
        "Repeaters in Repeaters": lambda: _view('<Repeater on="$image">' * 5_000, GOOD, "</Repeater>" * 5_000),
        "10 MB of text": lambda: _view("x" * 10_000_000, GOOD),
        "10 MB of labels": lambda: _view(LABEL * 480_000),
        "100000 comments": lambda: _view("<!-- x -->" * 100_000, GOOD),
    }


LABELING_CONFIGS = _configs()


def predict_body(name: str, request: dict[str, Any], image: str) -> bytes:
    """A body for /predict that is large in one way.

    Args:
        name: Of `PREDICT_BODIES`.
        request: A request that is right, with one task.
        image: The reference of an image that is right.
    """

    return _bodies(request, image)[name]()


def _bodies(request: dict[str, Any], image: str) -> dict[str, Callable[[], bytes]]:
    def changed(**changes: Any) -> bytes:
        return as_json(request | changes)

    def task(reference: Any, **more: Any) -> dict[str, Any]:
        return {"id": 1, "data": {"image": reference}, **more}

    def prompts(count: int, **region: Any) -> dict[str, Any]:
        value = {"x": 10, "y": 10, "width": 50, "height": 50, "rotation": 1}
        drawn = {"type": "rectangle", "from_name": "p", "to_name": "img", "value": value, **region}
        return {"context": {"result": [drawn] * count}}

    context = prompts(1)["context"]
    return {
        "100000 empty tasks": lambda: changed(tasks=[{}] * 100_000),
        "100000 tasks without an image": lambda: changed(tasks=[task("")] * 100_000),
        "1000 tasks that cannot be read": lambda: changed(tasks=[task("data:image/png;base64,AAAA")] * 1000),
        "20000 Repeaters": lambda: _view(IMAGE, _points(1, LABEL), '<Repeater on="$image"/>' * 20_000),
        "Repeaters in Repeaters": lambda: _view('<Repeater on="$image">' * 5_000, GOOD, "</Repeater>" * 5_000),
        "10 MB of text": lambda: changed(x="x" * 10_000_000),
        "10 MB of lists": lambda: b'{"tasks": [], "x": [' + b"[]," * 3_300_000 + b"[]]}",
        "10 MB of objects, cut off": lambda: b'{"tasks": [' + b"{}," * 3_300_000,
        "10 MB of brackets": lambda: b"[" * 10_000_000,
        "10 MB of digits": lambda: changed(tasks=[task(image, id=1)]).replace(
            b'"id": 1', b'"id": ' + b"9" * 10_000_000
        ),
        "10 MB of fraction": lambda: changed(tasks=[]).replace(
            b'"tasks"', b'"x": 0.' + b"1" * 10_000_000 + b', "tasks"'
        ),
        "10 MB of escapes": lambda: b'{"tasks": [], "x": "' + b"\\u00e9" * 1_600_000 + b'"}',
        "a 10 MB reference": lambda: changed(tasks=[task("/data/" + "a" * 10_000_000)]),
        "a 10 MB scheme": lambda: changed(tasks=[task("a" * 10_000_000)]),
        "a 10 MB reference of slashes": lambda: changed(tasks=[task("/" * 10_000_000)]),
        "a 10 MB address": lambda: changed(tasks=[task("http://127.0.0.1:1/" + "a/../" * 2_000_000)]),
        "a 10 MB user name": lambda: changed(tasks=[task("http://" + "a" * 10_000_000 + "@127.0.0.1:1/")]),
        "a 10 MB data URI": lambda: changed(tasks=[task("data:image/png;base64," + "A" * 10_000_000)]),
        "a 10 MB data URI of escapes": lambda: changed(tasks=[task("data:image/png," + "%41" * 3_300_000)]),
        "a 10 MB data URI without a comma": lambda: changed(tasks=[task("data:" + ";base64" * 1_400_000)]),
        "100000 keys of data": lambda: changed(tasks=[{"id": 1, "data": {f"k{i}": 1 for i in range(100_000)}}]),
        "100000 earlier regions": lambda: changed(tasks=[task(image, predictions=[{"result": [{}] * 100_000}])]),
        "100000 boxes": lambda: changed(params=prompts(100_000)),
        "100000 boxes with a label": lambda: changed(params=prompts(100_000, type="rectanglelabels")),
        "100000 clicks": lambda: changed(params=prompts(100_000, type="keypoint")),
        "100000 clicks that exclude": lambda: changed(params=prompts(100_000, type="keypoint", is_positive=False)),
        "deep ids": lambda: changed(tasks=[task(image, id="<lists>"), task(image, id="<objects>")]),
        "a deep reference": lambda: changed(tasks=[task("<lists>"), {"id": 1, "data": "<objects>"}]),
        "deep prompts": lambda: changed(
            params={"context": {"result": [*prompts(2, from_name="<lists>")["context"]["result"]]}}
        ),
        "100 boxes": lambda: changed(params=prompts(100)),
        "1000 tasks of a prompt": lambda: changed(tasks=[task(image)] * 1000, params={"context": context}),
        "a prompt on an image without a name": lambda: changed(params=prompts(1, to_name="x" * 10_000_000)),
    }


PREDICT_BODIES = list(_bodies({}, ""))
QUICK_PREDICT_BODIES = [name for name in PREDICT_BODIES if name != "100000 tasks without an image"]
