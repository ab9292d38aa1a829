"""Looks for secrets in the files that git knows or would add, and in their earlier versions. Prints none of them.

python .ci/secret_scan.py             exit 1 and a line for each find that .secrets.baseline does not list
python .ci/secret_scan.py --accept    list all finds there: do it after having looked at each
"""

import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from contextlib import AbstractContextManager
from pathlib import Path

from detect_secrets.core import baseline
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.settings import Settings, default_settings, transient_settings

BASELINE = Path(".secrets.baseline")
ASKS_OTHERS = "detect_secrets.filters.common.is_ignored_due_to_verification_policies"
"""Sends what looks like a secret to the service that it may belong to, to see whether it is accepted."""


class LabelStudioTokenDetector(RegexBasedDetector):
    """Legacy tokens of Label Studio, quoted or not. Personal access tokens are JWTs, which are known."""

    secret_type = "Label Studio Token"
    denylist = (re.compile(r"\b[0-9a-f]{40}\b"),)


def main(accept: bool) -> int:
    """Scan, and print or accept what was found; the exit code."""
    with _all_detectors():
        found = _scan_files()
        _scan_history(found)
        if accept:
            for _, secret in found:
                secret.is_secret = False
            BASELINE.write_text(json.dumps(baseline.format_for_output(found), indent=2) + "\n", encoding="utf-8")
            return 0
        if BASELINE.is_file():
            found -= SecretsCollection.load_from_baseline(json.loads(BASELINE.read_text(encoding="utf-8")))
    for path, secret in found:
        print(f"{path}:{secret.line_number}: {secret.type}")
    if found:
        print("Take it out and revoke it; or, if it is none: python .ci/secret_scan.py --accept")
    return 1 if found else 0


def _all_detectors() -> AbstractContextManager[Settings]:
    with default_settings() as settings:
        chosen = settings.json()
    chosen["filters_used"] = [used for used in chosen["filters_used"] if used["path"] != ASKS_OTHERS]
    own = {"name": LabelStudioTokenDetector.__name__, "path": f"file://{Path(__file__).resolve()}"}
    chosen["plugins_used"].append(own)
    get_mapping_from_secret_type_to_class.cache_clear()  # which knows nothing of ours yet
    return transient_settings(chosen)


def _scan_files() -> SecretsCollection:
    """What is tracked, and what is about to be."""
    found = SecretsCollection()
    for path in _git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if path and path != str(BASELINE) and Path(path).is_file():
            found.scan_file(path)
    return found


def _scan_history(found: SecretsCollection) -> None:
    """Every version that a file ever had on the way to HEAD, under its name of then; each line once.

    The number of a line that was found is its place among those of that version that were new.
    """
    seen: defaultdict[str, set[bytes]] = defaultdict(set)
    current = set(re.findall(r"\b[0-9a-f]{40,}\b", _git("ls-files", "--stage")))
    listed = _git("rev-list", "--objects", "HEAD")
    kinds = _git("cat-file", "--batch-check=%(objecttype) %(objectname) %(rest)", given=listed)
    with tempfile.TemporaryDirectory() as folder:
        earlier = SecretsCollection(root=folder)
        for kind, object_id, path in (line.split(" ", 2) for line in kinds.splitlines()):
            if kind != "blob" or object_id in current or path in ("", str(BASELINE)):
                continue
            copy = Path(folder, path)
            copy.parent.mkdir(parents=True, exist_ok=True)
            content = subprocess.check_output(["git", "cat-file", "blob", object_id])
            copy.write_bytes(_without(seen[path], content))
            earlier.scan_file(path)
            copy.unlink()  # a later version may have a folder in its place
    for path, secret in earlier:
        secret.filename = path  # by which it is compared with the accepted ones
        found[path].add(secret)


def _without(seen: set[bytes], content: bytes) -> bytes:
    """The lines of a file that have not been scanned under its name; they have been then."""
    fresh = [line for line in content.split(b"\n") if line not in seen]
    seen.update(fresh)
    return b"\n".join(fresh)


def _git(*arguments: str, given: str | None = None) -> str:
    return subprocess.run(["git", *arguments], input=given, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main("--accept" in sys.argv[1:]))
