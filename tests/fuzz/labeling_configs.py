"""Labeling configs: trees of the elements that matter with any attributes, damaged text, and known attacks on XML."""

from xml.sax.saxutils import quoteattr

from hypothesis import strategies as st

from wholebody.keypoints import NAMES, Part
from wholebody.labeling.config_writer import write_config

GOOD = (
    '<View><Image name="img" value="$image"/><KeyPointLabels name="kp" toName="img" model_point_size="1">'
    '<Label value="nose"/><Label value="Left Wrist" alias="lw"/></KeyPointLabels>'
    '<RectangleLabels name="box" toName="img"><Label value="person"/></RectangleLabels></View>'
)
WHOLE = write_config(list(Part))

TAGS = [
    "View",
    "Image",
    "KeyPointLabels",
    "VectorLabels",
    "RectangleLabels",
    "Label",
    "Labels",
    "KeyPoint",
    "Rectangle",
    "Vector",
    "Repeater",
    "Header",
    "keypointlabels",
    "IMAGE",
]
ATTRIBUTES = [
    "name",
    "toName",
    "value",
    "alias",
    "predicted_values",
    "model_index",
    "model_score_threshold",
    "model_point_threshold",
    "model_point_size",
    "model_skip",
    "skeleton",
    "on",
    "valueList",
    "smartOnly",
    "indexFlag",
    "perRegion",
    "whenTagName",
]
NAMES_AND_NUMBERS = [
    *("", "img", "img,img2", "img2", "$image", "$", "$" * 1000, "true", "person", "body", "face", *NAMES[:3]),
    *("0", "132", "133", "9" * 5000, "0" * 5000, "٣", "²", "-1", "nan", "inf", "1e400", "0.5", "1_0", "0x1", "--"),
    *(",", "," * 500, "nose," * 500, " ", "\ufffd", "{{idx}}", "a" * 600),
    *("$list", "$list[{{idx}}]", "$list[0].value", "$a.b.c", "$[", "$].[", "x/$image/$list", "img_{{idx}}"),
]

attribute_values = st.one_of(
    st.sampled_from(NAMES_AND_NUMBERS),
    st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=12),
)
attributes = st.dictionaries(st.sampled_from(ATTRIBUTES), attribute_values, max_size=6)


tags = st.sampled_from(TAGS)


def _element(tag: str, given: dict[str, str], children: list[str]) -> str:
    written = "".join(f" {name}={quoteattr(value)}" for name, value in given.items())
    return f"<{tag}{written}>{''.join(children)}</{tag}>"


# Made once each: Hypothesis keeps something of every strategy that is made while it draws.
leaves = st.builds(_element, tags, attributes, st.just([]))
twigs = st.builds(_element, tags, attributes, st.lists(leaves, max_size=4))
elements = st.builds(_element, tags, attributes, st.lists(twigs, max_size=4))


def _laughs(width: int, depth: int, used: str) -> str:
    entities = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * width}">' for i in range(depth))
    return f'<!DOCTYPE V [<!ENTITY e0 "ha">{entities}]><View>{used.format(entity=f"&e{depth};")}{GOOD}</View>'


def attacks(outside: str, inside: str) -> dict[str, str]:
    """Known attacks.

    Args:
        outside: An address that must not be asked.
        inside: A file of this machine, as an address, that must not be read.
    """
    include = '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{}" parse="{}"/>'
    found: dict[str, str] = {
        "billion laughs in text": _laughs(10, 9, "{entity}"),
        "billion laughs in an attribute": _laughs(10, 9, '<Label value="{entity}"/>'),
        "quadratic blow-up": f'<!DOCTYPE V [<!ENTITY a "{"a" * 50_000}">]><View>{"&a;" * 50_000}</View>',
        "quadratic blow-up in an attribute": (
            f'<!DOCTYPE V [<!ENTITY a "{"a" * 50_000}">]><View><Label value="{"&a;" * 50_000}"/></View>'
        ),
        "entity that holds itself": f'<!DOCTYPE V [<!ENTITY a "&b;"><!ENTITY b "&a;">]><View>&a;{GOOD}</View>',
        "stylesheet": f'<?xml-stylesheet type="text/xsl" href="{outside}"?>{GOOD}',
        "schema": GOOD.replace(
            "<View",
            f'<View xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:noNamespaceSchemaLocation="{outside}"',
            1,
        ),
        "instructions that look like controls": f'<View><?x name="a" toName="b" value="c"?>{GOOD}</View>',
        "UTF-7": f'<?xml version="1.0" encoding="utf-7"?>{GOOD.replace("<Image", "+ADw-Image")}',
        "version 1.1": f'<?xml version="1.1"?>{GOOD}',
        "byte order mark and declaration": f'\ufeff<?xml version="1.0" encoding="utf-16"?>{GOOD}',
        "space that XML does not know": f"\u2003\x1c{GOOD}\u2003",
    }
    for where, address in (("network", outside), ("file", inside)):
        found |= {
            f"entity from the {where}": f'<!DOCTYPE V [<!ENTITY e SYSTEM "{address}">]><View>&e;{GOOD}</View>',
            f"entity from the {where}, public": f'<!DOCTYPE V [<!ENTITY e PUBLIC "-//x" "{address}">]><View>&e;</View>',
            f"entity from the {where} in an attribute": (
                f'<!DOCTYPE V [<!ENTITY e SYSTEM "{address}">]><View><Label value="&e;"/></View>'
            ),
            f"parameter entity from the {where}": f'<!DOCTYPE V [<!ENTITY % e SYSTEM "{address}"> %e;]>{GOOD}',
            f"DTD from the {where}": f'<!DOCTYPE View SYSTEM "{address}">{GOOD}',
            f"DTD from the {where}, public": f'<!DOCTYPE View PUBLIC "-//x" "{address}">{GOOD}',
            f"XInclude from the {where}": f"<View>{include.format(address, 'text')}{GOOD}</View>",
            f"XInclude of XML from the {where}": f"<View>{include.format(address, 'xml')}{GOOD}</View>",
        }
    return found


PIECES = st.sampled_from(
    ["<!-- -->", "<![CDATA[<Label/>]]>", "<?x y?>", "&lt;", "&#0;", "&#xD800;", "&x;", "<", ">", '"', "\0", "\ud83d"]
)


NEW_TEXT = st.one_of(PIECES, attribute_values)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A config with some of its characters changed."""
    xml = WHOLE if draw(st.booleans()) else GOOD
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(xml)))
        end = start + draw(st.integers(0, 30))
        xml = xml[:start] + draw(NEW_TEXT) + xml[end:]
    return xml


NOWHERE, PASSWORDS = "http://127.0.0.1:1/x.dtd", "file:///etc/passwd"

CONFIGS = st.one_of(
    st.lists(elements, max_size=4).map(lambda inner: f"<View>{''.join(inner)}</View>"),
    st.lists(twigs, max_size=4).map(lambda inner: GOOD.replace("<View>", f"<View>{''.join(inner)}", 1)),
    damaged(),
    st.text(max_size=50),
    st.sampled_from(sorted(attacks(NOWHERE, PASSWORDS))).map(attacks(NOWHERE, PASSWORDS).__getitem__),
)
"""Labeling configs of all kinds."""
