"""The printed config as it was: labels in a column at the right, points of one size, with a thick outline."""

import re
import xml.etree.ElementTree as ET

from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config

SIZES = {"body": "0.4", "feet": "0.4", "face": "0.2", "left_hand": "0.2", "right_hand": "0.2"}
STYLE = """
    .wb-row { display: flex; align-items: flex-start; gap: 8px }
    .wb-image { flex: 1 1 auto; min-width: 0 }
    .wb-palette { flex: 0 0 256px; max-height: 80vh; overflow-y: auto; position: sticky; top: 0 }
    .wb-palette .lsf-labels { display: grid; gap: 3px; grid-template-columns: repeat(2, minmax(0, 1fr)) }
  """


def earlier_config() -> str:
    """Of all parts."""
    config = ET.fromstring(write_config(tuple(Part)))
    style, image, palette = config
    style.text = STYLE
    for name in ("width", "maxHeight"):
        del image.attrib[name]
    row = ET.Element("View", className="wb-row")
    column = ET.SubElement(row, "View", className="wb-image")
    config.remove(image)
    config.remove(palette)
    column.append(image)
    row.append(palette)
    config.append(row)
    for control in config.iter("KeyPointLabels"):
        del control.attrib["opacity"]
        control.attrib |= {"strokeWidth": "3", "model_point_size": SIZES[control.attrib["name"]]}
    return re.sub(r"\s+\n", "\n", ET.tostring(config, encoding="unicode"))
