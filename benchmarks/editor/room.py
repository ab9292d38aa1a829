"""How large a picture opens."""

from collections.abc import Iterator

from benchmarks.editor.earlier import earlier_config
from benchmarks.editor.person import Picture, of_size
from benchmarks.editor.rig import Rig
from tests.label_studio.browser import Editor
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config

HEAD = ("picture", "window", "view", "before", "now", "now, panels folded")
WINDOWS = ((1280, 720), (1440, 900), (1920, 1080))
PICTURES = ((500, 333), (1920, 1080), (6000, 4000))
VIEWS = {"labeling stream": True, "beside the list of tasks": False}
_SETTLED_MS = 700
_FOLD = ".lsf-tabs-panel__toggle[data-tooltip$=Group]"


def measure_room(rig: Rig, person: Picture, *, quick: bool) -> Iterator[tuple[str, ...]]:
    """A row for each picture, window and view."""
    configs = (earlier_config(), write_config(tuple(Part)))
    for size_wh in PICTURES[:1] if quick else PICTURES:
        picture = of_size(person, size_wh)
        before, now = (rig.make_task(picture, config) for config in configs)
        for window_wh in WINDOWS[:1] if quick else WINDOWS:
            for view, stream in VIEWS.items():
                with rig.opened(before, window_wh, stream=stream) as editor:
                    earlier = _size(editor)
                with rig.opened(now, window_wh, stream=stream) as editor:
                    larger = _size(editor)
                    _fold_panels(editor)
                    folded = _size(editor)
                size, window = ("{} x {}".format(*wh) for wh in (size_wh, window_wh))
                yield size, window, view, earlier, larger, folded


def _size(editor: Editor) -> str:
    """Width and height in pixels, and whether something is cut off."""
    editor.page.wait_for_timeout(_SETTLED_MS)
    width, height = editor.picture_wh()
    left, top, right, bottom = editor.shown()
    hidden = 1 - min(1.0, right - left) * min(1.0, bottom - top)
    return f"{width:.0f} x {height:.0f}" + (f", {hidden:.0%} cut off" if hidden > 0.005 else "")


def _fold_panels(editor: Editor) -> None:
    """Fold the panels at the right away."""
    editor.page.locator(_FOLD).first.click()
