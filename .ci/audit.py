"""Runs pip-audit and says plainly what it could not look up. Knows no vulnerabilities itself.

python .ci/audit.py [--strict] [options of pip-audit]

Exit 1 for a known vulnerability, and with --strict also where something could not be looked up.
"""

import json
import subprocess
import sys
from typing import Any

PIP_AUDIT = (sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps", "--format=json", "--progress-spinner=off")
ERROR_CHARS = 2000


def main(arguments: list[str]) -> int:
    """Audit, and print what was found; the exit code."""
    options = [argument for argument in arguments if argument != "--strict"]
    done = subprocess.run([*PIP_AUDIT, *options], capture_output=True, text=True)
    if not done.stdout.lstrip().startswith("{"):
        print(f"pip-audit failed (exit code {done.returncode}):\n{done.stderr[-ERROR_CHARS:]}")
        return 1
    lines, vulnerable, unknown = report(json.loads(done.stdout)["dependencies"])
    print("\n".join(lines))
    return 1 if vulnerable or (unknown and "--strict" in arguments) else 0


def report(dependencies: list[dict[str, Any]]) -> tuple[list[str], int, int]:
    """Lines for a person; how many packages are vulnerable, and how many could not be looked up."""
    unknown = [dependency["name"] for dependency in dependencies if "skip_reason" in dependency]
    vulnerable = [dependency for dependency in dependencies if dependency.get("vulns")]
    lines = [f"{len(dependencies)} packages: {len(dependencies) - len(unknown)} audited, {len(vulnerable)} vulnerable"]
    for dependency in vulnerable:
        for found in dependency["vulns"]:
            cure = f"upgrade to {' or '.join(found['fix_versions'])}" if found["fix_versions"] else "no fixed version"
            lines.append(f"{dependency['name']} {dependency['version']}: {found['id']}; {cure}")
    if unknown:
        lines.append(f"NOT AUDITED, for the package index has no data on them ({len(unknown)}): {' '.join(unknown)}")
    return lines, len(vulnerable), len(unknown)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
