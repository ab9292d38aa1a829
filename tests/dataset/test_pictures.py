"""The pictures of a dataset: as annotators saw them, in formats that training code reads, each fetched once."""

import base64
import io
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.dataset.coco_truth import coco_file
from tests.dataset.regions import HEIGHT, WIDTH, box, our_config, task
from tests.http_server import Answer, ScriptedServer
from wholebody.dataset import exporting
from wholebody.dataset.exporting import Exported, Plan, export
from wholebody.dataset.images_of_tasks import TaskReader
from wholebody.dataset.splits import Splits
from wholebody.images.loader import ImageLoader
from wholebody.keypoints import Part
from wholebody.settings import Settings

PERSON = box("a", 10, 10, 60, 90)


def picture(kind: str = "JPEG", size_wh: tuple[int, int] = (WIDTH, HEIGHT), orientation: int = 1) -> bytes:
    """White, with a red upper half as it is stored."""
    image = Image.new("RGB", size_wh, "white")
    image.paste("red", (0, 0, size_wh[0], size_wh[1] // 2))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    image.save(stream, kind, **({"exif": exif} if kind == "JPEG" else {}))
    return stream.getvalue()


def uri(content: bytes) -> str:
    return "data:image/any;base64," + base64.b64encode(content).decode()


def run(out: Path, *tasks: dict[str, Any], form: str = "coco") -> Exported:
    loader = ImageLoader(Settings(image_private_addresses=True))
    plan = Plan(out, form, (*Part,), Splits.parse(""), loader)
    return export(tasks, TaskReader(our_config(), "annotations"), plan)


def test_a_picture_stays_as_it_is(tmp_path: Path) -> None:
    content = picture()
    run(tmp_path / "out", task(PERSON, data={"image": uri(content)}))
    assert (tmp_path / "out" / "images" / "7-image.jpg").read_bytes() == content
    assert not (tmp_path / "out" / "fetched").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_one_that_is_to_be_turned_is_turned(tmp_path: Path) -> None:
    """Its annotation is of the picture upright, and not all training code turns it."""
    content = picture(size_wh=(HEIGHT, WIDTH), orientation=6)
    exported = run(tmp_path / "out", task(PERSON, data={"image": uri(content)}), form="yolo-pose")
    assert exported.images == 1
    with Image.open(tmp_path / "out" / "images" / "train" / "7-image.jpg") as image:
        assert image.size == (WIDTH, HEIGHT)
        assert image.getexif().get(0x0112, 1) == 1
        red, green, _ = image.convert("RGB").getpixel((WIDTH - 5, 5))  # type: ignore[misc]
        assert red > 200 > 50 > green


def test_one_in_a_rare_format_becomes_a_png(tmp_path: Path) -> None:
    run(tmp_path / "out", task(PERSON, data={"image": uri(picture("GIF"))}))
    with Image.open(tmp_path / "out" / "images" / "7-image.png") as image:
        assert (image.format, image.size) == ("PNG", (WIDTH, HEIGHT))


def test_a_picture_of_another_size_or_gone_is_named(tmp_path: Path) -> None:
    exported = run(
        tmp_path / "out",
        task(PERSON, data={"image": uri(picture())}),
        task(PERSON, number=8, data={"image": uri(picture(size_wh=(300, 100)))}),
        task(PERSON, number=9, data={"image": uri(b"no picture")}),
    )
    assert exported.images == 1
    said = "\n".join(exported.left_out.lines())
    assert f"1 x {exporting.OTHER_SIZE} ((200, 100) is not (300, 100)) (task 8)" in said
    assert f"1 x {exporting.GONE}not an image of a known format" in said


def test_a_picture_with_nobody_has_the_size_of_its_file(tmp_path: Path) -> None:
    exported = run(tmp_path / "out", task(data={"image": uri(picture(size_wh=(30, 40)))}))
    assert exported.images == 1
    assert '"width":30,"height":40' in coco_file(tmp_path / "out").read_text()


def test_an_export_that_was_interrupted_fetches_nothing_twice(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        for number in (1, 2, 3):
            server.on("GET", f"/{number}.jpg", Answer(200, picture(), headers={"Content-Type": "image/jpeg"}))
        tasks = [task(PERSON, number=number, data={"image": f"{server.url}/{number}.jpg"}) for number in (1, 2, 3)]

        def interrupted() -> Any:
            yield from tasks[:2]
            while len(server.requests) < 2:
                time.sleep(0.01)
            raise KeyboardInterrupt

        loader = ImageLoader(Settings(image_private_addresses=True))
        plan = Plan(tmp_path / "out", "coco", (*Part,), Splits.parse(""), loader)
        with pytest.raises(KeyboardInterrupt):
            export(interrupted(), TaskReader(our_config(), "annotations"), plan)
        assert [path.name for path in tmp_path.iterdir()] == ["out.partial"]
        assert [path.name for path in (tmp_path / "out.partial").iterdir()] == ["fetched"]
        exported = run(tmp_path / "out", *tasks, task(PERSON, number=4, data={"image": f"{server.url}/1.jpg"}))
        assert exported.images == 4
        assert sorted(request.path for request in server.requests) == ["/1.jpg", "/2.jpg", "/3.jpg"]
