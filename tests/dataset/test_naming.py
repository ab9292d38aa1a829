"""Parts of a dataset, and the names of its files."""

import pytest

from wholebody.dataset.file_names import FileNames
from wholebody.dataset.splits import Splits, identity
from wholebody.errors import SettingsError

UPLOADS = ("/data/upload/3/0a1b2c3d-photo.jpg", "/data/upload/12/ffffffff-photo.jpg")
SIGNED = ("https://S3.example/b/a%20b.jpg?X-Signature=1", "https://s3.example/b/a b.jpg?X-Signature=2")


def test_parts_have_about_their_shares_and_stay_for_ever() -> None:
    splits = Splits.parse(" train=0.8, val=0.1,test=0.1")
    parts = [splits.part_of(f"/data/local-files/?d=a/{number}.jpg") for number in range(10_000)]
    shares = [parts.count(name) / 10_000 for name in ("train", "val", "test")]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.01)
    assert parts[:8] == ["train", "train", "train", "test", "val", "val", "train", "val"]


@pytest.mark.parametrize("copies", [UPLOADS, SIGNED])
def test_copies_of_a_picture_are_in_the_same_part(copies: tuple[str, str]) -> None:
    assert len({identity(one) for one in copies}) == 1


@pytest.mark.parametrize(
    ("reference", "same"),
    [
        (UPLOADS[0], "photo.jpg"),
        ("/data/upload/photo.jpg", "photo.jpg"),
        ("/ls/data/local-files/?d=a%2Fb.jpg", "a/b.jpg"),
        ("s3://bucket/a/b.jpg", "bucket/a/b.jpg"),
        ("data:image/png;base64,AAAA", "data:image/png;base64,AAAA"),
        ("photo.jpg", "photo.jpg"),
    ],
)
def test_what_a_picture_is_known_by(reference: str, same: str) -> None:
    assert identity(reference) == same


def test_nothing_is_split() -> None:
    assert Splits.parse("").part_of("x") == ""


@pytest.mark.parametrize("text", ["train", "train=1,train=0", "a/b=1", "train=0.8,val=0.1", "train=nan", "=1", "x=2"])
def test_wrong_shares(text: str) -> None:
    with pytest.raises(SettingsError, match="--split: "):
        Splits.parse(text)


def test_names_differ_even_where_case_is_not_told() -> None:
    names = FileNames()
    assert names.name(7, "/a/Photo.JPG", "") == "7-Photo.JPG"
    assert names.name(7, "/b/photo.png", "") == "7-photo-2.png"
    assert names.name(8, "/b/photo.png", "2") == "8-2-photo.png"
    assert names.name(9, "data:image/png;base64,xx", "") == "9-image.jpg"
    assert names.name(9, "/x/../../Ä b.tar", "") == "9-_b.jpg"
    assert names.name(10, "/data/upload/1/0a1b2c3d-cat.webp", "") == "10-cat.webp"


def test_names_of_an_imported_dataset_stay_while_they_are_free_and_harmless() -> None:
    names = FileNames()
    assert names.name(1, "/x.jpg", "", kept="000785.jpg") == "000785.jpg"
    assert names.name(2, "/x.jpg", "", kept="000785.jpg") == "2-x.jpg"
    assert names.name(3, "/x.jpg", "", kept="../../etc/x.jpg") == "3-x.jpg"
    assert names.name(4, "/x.jpg", "", kept=["x.jpg"]) == "4-x.jpg"
