"""`make soak`: every scenario in full, on the fault server and through the fault proxy into a real Label Studio.

`python -m tests.soak --seed 3` plays one scenario alone, again, and writes no page.
"""

import shutil
import sys
from collections import Counter
from dataclasses import replace

import click

from demo.backend import ROOT
from demo.label_studio import DEFAULT_VENV, LabelStudioServer
from tests.soak.count import count_traffic
from tests.soak.report import write_report
from tests.soak.runs import SoakError
from tests.soak.scenario import Scenario
from tests.soak.verdict import Verdict, judge
from tests.soak.with_label_studio import play_with_label_studio

PAGE = ROOT / "docs" / "reliability.md"
FOLDER = ROOT / ".soak"
SCENARIOS = (
    Scenario("all faults", seed=1, tasks=10_050),
    *(Scenario("all faults", seed, tasks=1_000) for seed in (2, 3, 4)),
    Scenario("token revoked", seed=5, tasks=1_000, revokes=True),
    Scenario("--bulk", seed=8, tasks=1_000, bulk=20),
    Scenario("--replace", seed=6, tasks=1_000, others_rate=0.0, replace=True),
)
REAL = Scenario("real Label Studio", seed=7, tasks=500)


@click.command()
@click.option("--name", help="Only this scenario.")
@click.option("--seed", type=int, help="Only the scenario with this seed, or a new one.")
@click.option("--tasks", type=int, help="Another number of tasks.")
def main(name: str | None, seed: int | None, tasks: int | None) -> None:
    """Play the scenarios; exit code 1 where a promise is broken."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    try:
        if name or seed is not None or tasks:
            verdicts = [_one(name, seed, tasks)]
        else:
            verdicts = [_judge(scenario) for scenario in SCENARIOS]
            verdict, version = _judge_real(REAL)
            verdicts.append(verdict)
            write_report(PAGE, verdicts, version)
            click.echo(f"{PAGE.relative_to(ROOT)} was written.")
    except SoakError as error:
        raise click.ClickException(str(error)) from None
    sys.exit(any(verdict.broken for verdict in verdicts))


def _one(name: str | None, seed: int | None, tasks: int | None) -> Verdict:
    """Play the scenario that is meant, or one like it."""
    known = [one for one in (*SCENARIOS, REAL) if name in (None, one.name)]
    if not known:
        names = dict.fromkeys(one.name for one in (*SCENARIOS, REAL))
        raise click.BadParameter(f"{name!r} is no scenario: {', '.join(names)}")
    given = next((one for one in known if one.seed == seed), known[0])
    scenario = replace(given, seed=given.seed if seed is None else seed, tasks=tasks or given.tasks)
    return _judge_real(scenario)[0] if given is REAL else _judge(scenario)


def _judge(scenario: Scenario) -> Verdict:
    verdict = judge(scenario, FOLDER / f"seed-{scenario.seed}")
    _say(verdict)
    return verdict


def _judge_real(scenario: Scenario) -> tuple[Verdict, str]:
    folder = FOLDER / "label-studio"
    with LabelStudioServer(folder / "data", folder / "files", venv=ROOT / DEFAULT_VENV) as server:
        admin = server.admin()
        played, tally = play_with_label_studio(admin, scenario, FOLDER / f"seed-{scenario.seed}")
        version = admin.request("GET", "/api/version/").json()["release"]
    verdict = Verdict(played, count_traffic(played), tally, Counter())
    _say(verdict)
    return verdict, version


def _say(verdict: Verdict) -> None:
    scenario, traffic, tally = verdict.played.scenario, verdict.traffic, verdict.tally
    click.echo(
        f"{scenario.name}, seed {scenario.seed}: {tally.tasks} tasks, {tally.predictions} predictions, "
        f"{len(tally.lost)} lost, {len(tally.doubled)} doubled; {traffic.requests} requests, {traffic.faulty} faulty, "
        f"{verdict.played.kills} kills, least gap {traffic.least_gap_s * 1000:.1f} ms, {verdict.played.seconds:.0f} s"
    )
    for what in verdict.broken:
        click.echo(f"  BROKEN: {what}", err=True)


if __name__ == "__main__":
    main()
