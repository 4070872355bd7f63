"""How often the rules err: every rule, on studies drawn from worlds whose truth is known.

A chapter's `simulation.py` draws the tables that its rule reads, at the sizes of its page. This module sends many such
studies through the rule and counts the outcomes. Draws have fixed seeds. The counts
are kept by a hash of rule, simulation and parameters, so that a second call computes nothing.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np

from emomech.book import claims, rule_bounds
from emomech.book.edition import PROFILES, Profile
from emomech.chapters.simulation import Scenario, Simulation, World
from emomech.chapters.verdict import OUTCOMES
from emomech.core import files
from emomech.core.errors import EmomechError, UsageError, unknown
from emomech.core.paths import CHECKOUT, PACKAGE
from emomech.notebook import rule_identity
from emomech.study.run import runs_folder

RECORD = CHECKOUT / "book" / "operating.json"
"""The kept record, which the page on the rules shows."""
COMMAND = "emomech rules simulate --output book/operating.json"
QUICK: Mapping[Profile, int] = {"full": 40, "quick": 200}
"""Largest number of draws of each world at the sizes of each profile, in a few minutes."""
THOROUGH: Mapping[Profile, int] = {"full": 500, "quick": 500}
_FEWER = 4
"""How many times fewer studies are drawn of an effect of another size; they only say whether it is shown reliably."""
LOOK = 0.375
"""Share of the draws after which a world is left if they already decide its bounds: none of 75 is below 0.05."""


@dataclass(frozen=True)
class Count:
    """The outcomes of one rule on studies of one world, at the sizes of one profile."""

    profile: Profile
    scenario: str
    world: World
    effect: float
    """Size of the effect in the units of the simulation."""
    outcomes: Mapping[str, int]
    """Number of studies by outcome."""

    @property
    def n(self) -> int:
        """Number of studies."""
        return sum(self.outcomes.values())


@dataclass(frozen=True)
class Measured:
    """What is known about one rule."""

    claim: str
    key: str
    """Hash of rule, simulation and parameters."""
    units: str
    """What an effect of size 1 is."""
    effect: float
    """Size of the effect in the worlds with one."""
    counts: tuple[Count, ...]


@dataclass(frozen=True)
class _Job:
    """Studies to draw: one scenario of one rule, at one size of the effect."""

    claim: str
    profile: Profile
    scenario: int
    effect: float
    n: int


def simulations(names: Sequence[str] = ()) -> dict[str, Simulation[Any]]:
    """Find the simulations of all claims, or of the named ones.

    A chapter's `simulation.py` has one `SIMULATION`, or `SIMULATIONS` if its page tests several claims. Raises
    EmomechError for a claim without one.
    """
    selected = [claim for claim in claims.CLAIMS if not names or claim.name in names]
    found: dict[str, Simulation[Any]] = {}
    for page in dict.fromkeys(claim.page for claim in selected):
        name = f"{rule_identity.CHAPTERS}.{page}.simulation"
        module = import_module(name) if find_spec(name) else None
        several = getattr(module, "SIMULATIONS", None) or [getattr(module, "SIMULATION", None)]
        found |= {simulation.rule.claim: simulation for simulation in several if simulation}
    if missing := [claim.name for claim in selected if claim.name not in found]:
        raise EmomechError(f"{', '.join(missing)}: no SIMULATION in the chapter's simulation.py; every rule needs one.")
    return {claim.name: found[claim.name] for claim in selected}


def measure(
    draws: Mapping[Profile, int], names: Sequence[str] = (), n_jobs: int = 1, folder: Path | None = None
) -> list[Measured]:
    """Draw studies and count the outcomes of every rule, or of the named claims, in `n_jobs` processes.

    `draws` is the largest number of studies of a world by profile; counts are kept in `folder`, or beside the runs.
    """
    from joblib import Parallel, delayed

    chosen = simulations(names)
    keys = {name: key(name, simulation) for name, simulation in chosen.items()}
    jobs = [job for name, simulation in chosen.items() for job in _jobs(name, simulation, draws)]
    kept = folder or runs_folder() / "operating"
    tasks = [delayed(_count)(job, kept / f"{job.claim}-{keys[job.claim]}") for job in jobs]
    counts = cast(list[dict[str, int]], Parallel(n_jobs=n_jobs)(tasks))
    by_job = dict(zip(jobs, counts, strict=True))
    return [
        Measured(
            name,
            keys[name],
            simulation.units,
            simulation.effect,
            tuple(_counted(job, simulation, by_job[job]) for job in jobs if job.claim == name),
        )
        for name, simulation in chosen.items()
    ]


def _jobs(claim: str, simulation: Simulation[Any], draws: Mapping[Profile, int]) -> Iterator[_Job]:
    """Every world at the size of its effect, and with fewer draws the planted ones at every other size."""
    for profile in PROFILES:
        for number, scenario in enumerate(simulation.scenarios):
            sizes = {simulation.effect, *(simulation.effects if scenario.world == "planted" else ())}
            for effect in sorted(sizes):
                n = draws[profile] if effect == simulation.effect else draws[profile] // _FEWER
                yield _Job(claim, profile, number, effect, n)


def _counted(job: _Job, simulation: Simulation[Any], outcomes: Mapping[str, int]) -> Count:
    scenario = simulation.scenarios[job.scenario]
    return Count(job.profile, scenario.name, scenario.world, job.effect, outcomes)


def _count(job: _Job, folder: Path) -> dict[str, int]:
    """Read the kept counts of a job, or draw its studies and keep them."""
    file = folder / f"{job.profile}-{job.scenario}-{job.effect:g}-{job.n}.json"
    if file.exists():
        return json.loads(file.read_text(encoding="utf-8"))
    simulation = simulations([job.claim])[job.claim]
    scenario = simulation.scenarios[job.scenario]
    parameters = page_parameters(job.claim, job.profile)
    counts: dict[str, int] = dict.fromkeys(OUTCOMES, 0)
    bounds = _bounds(job, simulation)
    for draw in range(job.n):
        if draw and draw == int(LOOK * job.n) and rule_bounds.decided(counts, bounds):
            break
        tables = scenario.draw(_random(job, scenario, draw), parameters, job.effect)
        counts[simulation.rule(tables).outcome] += 1
    files.write_atomic(file, json.dumps(counts))
    return counts


def _bounds(job: _Job, simulation: Simulation[Any]) -> tuple[rule_bounds.Bound, ...]:
    """The bounds that draws have to decide: those of the world, or whether an effect of another size is shown."""
    if job.effect != simulation.effect:
        return (rule_bounds.SHOWN,)
    return rule_bounds.bounds(simulation.scenarios[job.scenario].world, job.profile)


def _random(job: _Job, scenario: Scenario[Any], draw: int) -> np.random.Generator:
    """Random numbers of one study, which depend on nothing but its claim, world, sizes and number."""
    name = f"{job.claim}|{job.profile}|{scenario.name}|{job.effect:g}"
    return np.random.default_rng([int.from_bytes(blake2b(name.encode(), digest_size=8).digest()), draw])


class _PageParameters(dict[str, Any]):
    """Parameters of a page; raises UsageError for one that the page does not have."""

    def __missing__(self, name: str) -> None:
        raise unknown("parameter of the page", name, self)


def page_parameters(claim: str, profile: Profile) -> dict[str, Any]:
    """Give the parameters of a claim's page at the sizes of a profile."""
    (found,) = claims.select(claim)
    return _PageParameters(claims.page_parameters(found.page, profile))


def key(claim: str, simulation: Simulation[Any]) -> str:
    """Hash what decides the counts: the rule, the code of the simulation, and the parameters of both profiles."""
    content = {
        "rule": rule_identity.rule_hash(simulation.rule),
        "code": _code(simulation),
        "units": simulation.units,
        "effects": [simulation.effect, *simulation.effects],
        "parameters": {profile: page_parameters(claim, profile) for profile in PROFILES},
    }
    return blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=8).hexdigest()


def _code(simulation: Simulation[Any]) -> dict[str, str]:
    """Hashes of the files that a simulation draws with: its chapter's own, and those of `stats/`."""
    draws = [getattr(scenario.draw, "func", scenario.draw) for scenario in simulation.scenarios]
    own = {Path(str(import_module(draw.__module__).__file__)) for draw in draws}
    of_chapter = {file for start in own for file in rule_identity.imported(start)}
    sources = {*of_chapter, *(PACKAGE / "stats").glob("*.py"), PACKAGE / "chapters" / "stability.py"}
    hashed = {file: rule_identity.normalised(file.read_text(encoding="utf-8")) for file in sorted(sources)}
    return {f"{f.parent.name}/{f.name}": blake2b(s.encode(), digest_size=8).hexdigest() for f, s in hashed.items()}


def write(measured: Sequence[Measured], file: Path) -> None:
    """Write a record of what was measured."""
    files.write_atomic(file, json.dumps([asdict(rule) for rule in measured], indent=1, ensure_ascii=False) + "\n")


def read(file: Path = RECORD) -> list[Measured]:
    """Read a record that `write` wrote. Raises UsageError for any other file."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return [Measured(**{**rule, "counts": tuple(Count(**count) for count in rule["counts"])}) for rule in content]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{file}: is no record of the rules ({error}). Make one: `{COMMAND}`.") from error


def problems(file: Path = RECORD) -> list[str]:
    """List the rules that the record lacks, or that have changed since they were measured."""
    try:
        kept = {rule.claim: rule for rule in read(file)}
        current = {name: key(name, simulation) for name, simulation in simulations().items()}
    except EmomechError as error:
        return [str(error)]
    return [
        f"{file.name}: {name}: {'is out of date' if name in kept else 'is missing'}; run `{COMMAND}`"
        for name, key_ in current.items()
        if name not in kept or kept[name].key != key_
    ]
