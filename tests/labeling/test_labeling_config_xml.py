"""XML that is broken, strange or hostile: a labeling config comes from whoever may edit a project."""

import time
from pathlib import Path

import pytest

from wholebody.errors import LabelingConfigError
from wholebody.labeling.labeling_config import parse_labeling_config

GOOD = (
    '<View><Image name="img" value="$image"/>'
    '<KeyPointLabels name="kp" toName="img"><Label value="nose" alias="é鼻"/></KeyPointLabels></View>'
)


@pytest.mark.parametrize(
    "xml",
    [
        # as it is
        GOOD,
        # space around it, a byte order mark
        f"\n\n  {GOOD}\n",
        f"\ufeff{GOOD}",
        # what it says of its encoding is about a file that it no longer is
        f'<?xml version="1.0" encoding="utf-8"?>{GOOD}',
        f'<?xml version="1.0" encoding="utf-16"?>{GOOD}',
        f'<?xml version="1.0" encoding="iso-8859-1"?>{GOOD}',
        f'  <?xml version="1.0" encoding="no-such-thing"?>{GOOD}',
        # deep, but not absurd
        "<View>" * 200 + GOOD + "</View>" * 200,
        # the five entities that XML itself has
        GOOD.replace("<View>", '<View><Header value="&lt;&gt;&amp;&quot;&apos;&#65;"/>', 1),
        # half a character
        GOOD.replace("<View>", '<View><Header value="\ud83d"/>', 1),
    ],
)
def test_xml_that_is_read(xml: str) -> None:
    (target,) = parse_labeling_config(xml).targets
    assert target.keypoints[0].labels == {0: "é鼻"}


DOCTYPE = "^the labeling config has a DOCTYPE, which Label Studio does not know$"
NOT_XML = "^the labeling config is not XML: .+$"
EMPTY = "^the labeling config is empty; set one in Settings > Labeling Interface$"
LAUGHS = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(9))


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        # nothing
        pytest.param("", EMPTY, id="empty"),
        pytest.param(" \n", EMPTY, id="blank"),
        pytest.param(None, EMPTY, id="None"),
        pytest.param(b"<View/>", EMPTY, id="bytes"),
        pytest.param(7, EMPTY, id="number"),
        # not XML
        pytest.param("View", NOT_XML, id="text"),
        pytest.param("<View>", NOT_XML, id="open"),
        pytest.param(GOOD + GOOD, NOT_XML, id="two roots"),
        pytest.param('{"a": 1}', NOT_XML, id="JSON"),
        pytest.param("<View a=b/>", NOT_XML, id="no quotes"),
        pytest.param("<View>&nbsp;</View>", NOT_XML, id="an entity of HTML"),
        pytest.param("<View>\0</View>", NOT_XML, id="NUL"),
        pytest.param("<a:View/>", "^the labeling config (is not XML|has no <Image)", id="namespace"),
        # entities, files, bombs
        pytest.param(f"<!DOCTYPE View>{GOOD}", DOCTYPE, id="DOCTYPE"),
        pytest.param(f'<!DOCTYPE View SYSTEM "http://127.0.0.1:1/x.dtd">{GOOD}', DOCTYPE, id="DTD from the network"),
        pytest.param(f'<!DOCTYPE V [<!ENTITY a "nose">]>{GOOD.replace("nose", "&a;")}', DOCTYPE, id="entity"),
        pytest.param(
            f'<!DOCTYPE V [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>{GOOD}', DOCTYPE, id="parameter entity"
        ),
        pytest.param(
            f'<!DOCTYPE V [<!ENTITY e0 "ha">{LAUGHS}]><View><Header value="&e9;"/></View>', NOT_XML, id="billion laughs"
        ),
        pytest.param(
            f'<!DOCTYPE V [<!ENTITY e0 "ha">{LAUGHS}]><View>&e9;</View>', f"{DOCTYPE}|{NOT_XML}", id="... in the text"
        ),
        pytest.param("<View>" * 100_000, NOT_XML, id="deep"),
    ],
)
def test_xml_that_is_refused_in_no_time(xml: object, message: str) -> None:
    begun = time.monotonic()
    with pytest.raises(LabelingConfigError, match=message) as raised:
        parse_labeling_config(xml)
    assert time.monotonic() - begun < 5
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300


def test_no_file_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("left_wrist")
    doctype = f'<!DOCTYPE V [<!ENTITY f SYSTEM "{secret.as_uri()}">]>'
    with pytest.raises(LabelingConfigError, match=DOCTYPE):
        parse_labeling_config(doctype + GOOD.replace("<View>", "<View><Header>&f;</Header>", 1))


def test_an_include_is_only_an_element(tmp_path: Path) -> None:
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{tmp_path.as_uri()}/x" parse="text"/>'
    assert parse_labeling_config(GOOD.replace("<View>", f"<View>{include}", 1)).targets
