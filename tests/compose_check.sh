#!/bin/bash
# Looks at what a running container with MODE=figures may do, and asks it for the keypoints and the box of a drawn
# figure.
#   BASE_URL       the backend's address as seen from here
#   COMPOSE_ARGS   the options by which `docker compose` finds it (default: none)
#   SERVICE        its service (default: wholebody)
set -euo pipefail
: "${BASE_URL:?}"
drawn=$(mktemp)
trap 'rm -f "$drawn"' EXIT

# Inside, as the backend itself: neither rights nor a place to write but those that it is meant to have.
# shellcheck disable=SC2086  # several options
docker compose ${COMPOSE_ARGS:-} exec -T "${SERVICE:-wholebody}" python - <<'PYTHON'
import errno, os, pathlib

status = dict(line.split(":\t", 1) for line in open("/proc/self/status") if ":\t" in line)
assert os.getuid() == 1000 and os.getgid() == 1000, (os.getuid(), os.getgid())
for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
    assert int(status[capabilities], 16) == 0, (capabilities, status[capabilities])
assert status["NoNewPrivs"].strip() == "1", status["NoNewPrivs"]
[root] = [line.split() for line in open("/proc/mounts") if line.split()[1] == "/"]
assert "ro" in root[3].split(","), root
for folder in ("/", "/app", "/app/wholebody", "/etc", "/usr/local/bin", "/var/tmp", "/home"):
    try:
        (pathlib.Path(folder) / "written").touch()
    except OSError as error:
        assert error.errno in (errno.EROFS, errno.EACCES), error
    else:
        raise AssertionError(f"{folder} can be written to")
for folder in ("/tmp", "/data/models"):
    path = pathlib.Path(folder) / "written"
    path.touch()
    path.unlink()
tmp = os.statvfs("/tmp")
assert tmp.f_blocks * tmp.f_frsize == 512 << 20, tmp
limits = {}
for name, files in {"memory": ("memory.max", "memory/memory.limit_in_bytes"), "pids": ("pids.max", "pids/pids.max")}.items():
    found = [path for file in files if (path := pathlib.Path("/sys/fs/cgroup") / file).is_file()]
    limits[name] = found[0].read_text().strip() if found else "not seen"
print(f"user {os.getuid()}, no capabilities, read-only but for /tmp and /data/models; limits: {limits}")
assert limits["memory"] in (str(8 << 30), "not seen") and limits["pids"] in ("1024", "not seen"), limits
PYTHON

# The command is on the path, and reads the package's own files as the user without rights.
# shellcheck disable=SC2086  # several options
docker compose ${COMPOSE_ARGS:-} exec -T "${SERVICE:-wholebody}" wholebody --version
# shellcheck disable=SC2086  # several options
docker compose ${COMPOSE_ARGS:-} exec -T "${SERVICE:-wholebody}" wholebody weights

# Drawn inside: there is what draws. Asked from outside: through the published port.
# shellcheck disable=SC2086  # several options
docker compose ${COMPOSE_ARGS:-} exec -T "${SERVICE:-wholebody}" python - > "$drawn" <<'PYTHON'
import base64, json

import cv2

from wholebody.labeling.config_writer import write_config
from wholebody.figures.drawing import draw_figures
from wholebody.keypoints import NAMES, Part

drawing = draw_figures(1, 1, (640, 800))
png = base64.b64encode(cv2.imencode(".png", drawing.bgr)[1]).decode()
config = write_config(tuple(Part))
tasks = [{"id": 1, "data": {"image": f"data:image/png;base64,{png}"}}]
print(json.dumps({
    "setup": {"project": "1.0", "schema": config},
    "predict": {"tasks": tasks, "label_config": config, "params": {"context": None}},
    "xy": dict(zip(NAMES, drawing.keypoints[0].tolist())),
    "xyxy": drawing.xyxy[0].tolist(),
}))
PYTHON

python3 - "$drawn" <<'PYTHON'
import json, math, os, sys, time, urllib.request

WIDTH, HEIGHT, TOLERANCE_PX = 640, 800, 4
drawn = json.load(open(sys.argv[1]))


def post(route):
    body = json.dumps(drawn[route]).encode()
    request = urllib.request.Request(f"{os.environ['BASE_URL']}/{route}", body, {"Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=100) as response:
        return json.load(response)


version = post("setup")["model_version"]
started = time.perf_counter()
[prediction] = post("predict")["results"]
seconds = time.perf_counter() - started
assert prediction["model_version"] == version, (prediction["model_version"], version)
points, boxes = {}, []
for region in prediction["result"]:
    value = region["value"]
    x, y = value["x"] * WIDTH / 100, value["y"] * HEIGHT / 100
    if region["type"] == "keypointlabels":
        [name] = value["keypointlabels"]
        assert name not in points, f"{name} twice"
        points[name] = (x, y)
    else:
        boxes.append((x, y, x + value["width"] * WIDTH / 100, y + value["height"] * HEIGHT / 100))
assert points.keys() == drawn["xy"].keys(), points.keys() ^ drawn["xy"].keys()
assert len(boxes) == 1, boxes
off = max(math.dist(points[name], xy) for name, xy in drawn["xy"].items())
box_off = max(abs(a - b) for a, b in zip(boxes[0], drawn["xyxy"]))
print(f"{version}: {len(points)} keypoints named, at most {off:.1f} px off; the box {box_off:.1f} px; {seconds:.2f} s")
assert max(off, box_off) <= TOLERANCE_PX, f"more than {TOLERANCE_PX} px"
PYTHON

# The cluster: a scheduler and two workers in its network, and a run of the prefill that knows nothing but their address.
# shellcheck disable=SC2086  # several options
docker compose ${COMPOSE_ARGS:-} --profile cluster up -d --no-build --scale worker=2 scheduler worker
# shellcheck disable=SC2086  # several options
docker compose ${COMPOSE_ARGS:-} --profile cluster run --rm -T prefill sh -c '
python - > /tmp/tasks.json <<PYTHON
import base64, json

import cv2

from wholebody.figures.drawing import draw_figures

png = base64.b64encode(cv2.imencode(".png", draw_figures(1, 1, (320, 400)).bgr)[1]).decode()
print(json.dumps([{"id": number, "data": {"image": f"data:image/png;base64,{png}"}} for number in range(1, 41)]))
PYTHON
wholebody prefill --tasks /tmp/tasks.json --out /tmp/out --limit all --failures /tmp/failures.jsonl
python - <<PYTHON
import json, pathlib

tasks = [task for path in sorted(pathlib.Path("/tmp/out").glob("*.json")) for task in json.loads(path.read_text())]
assert sorted(task["id"] for task in tasks) == list(range(1, 41)), len(tasks)
assert all(len(task["predictions"]) == 1 and task["predictions"][0]["result"] for task in tasks)
print(f"{len(tasks)} tasks predicted by the cluster")
PYTHON
'
# shellcheck disable=SC2086  # several options
docker compose ${COMPOSE_ARGS:-} --profile cluster rm -sf prefill worker scheduler
