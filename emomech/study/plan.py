"""Estimate what a study takes on a machine before anything is fetched: bytes, memory and time.

All numbers are estimates from sizes, see `sizes`. Time follows from the calls that each chapter declares (`calls`), at
the costs of single operations (`costs`): the model, its SAEs, and the rest, which is statistics, tokens and tables.
What is known only after the model has answered, such as how many features support a label, is taken as in the embedded
model. Memory is a peak that is rarely reached.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from emomech.core import devices, hub
from emomech.core.errors import UsageError, unknown
from emomech.core.limits import LARGEST, whole_number
from emomech.core.machine import Machine
from emomech.core.settings import Settings
from emomech.presets import lookup, sources
from emomech.presets.kinds import ModelPreset
from emomech.saes import releases
from emomech.study.costs import Expected
from emomech.study.sizes import Sizes, Texts, sizes_of
from emomech.study.spec import StudySpec

_KEPT_TOKENS = 4
"""Tokens per text whose activations are kept."""
_LIBRARIES = 450 * 10**6
"""Bytes of the host's memory that Python takes with torch, transformers and what the statistics need."""
_ENCODED = 2048
"""Activations whose features are in memory at once."""
_COPIES = 2
"""Copies of the model in memory: itself and its control with random weights."""
_USABLE = 0.9
"""Share of the free bytes that a study may use."""


@dataclass(frozen=True)
class Plan:
    """Bytes and seconds that a study takes, and what the machine does not have."""

    model: str
    sae: str
    device: str
    dtype: str
    texts: Texts
    fetch: Mapping[str, int]
    """Bytes of the files of model and SAEs on the hub; 0 for files in a folder."""
    cached: Mapping[str, int]
    """Bytes of each that are in the cache already."""
    disk: int
    """Bytes that will be written."""
    host: int
    """Peak of the host's memory, in bytes."""
    gpu: int
    """Peak of the memory of all GPUs together, in bytes."""
    expected: Mapping[str, Expected] = field(default_factory=dict)
    """What each chapter takes, by name; a chapter that reads SAEs is left out of a study without them."""
    problems: tuple[str, ...] = ()
    """What does not fit, and a way out: one or two sentences each."""

    def check(self) -> "Plan":
        """Return the plan if everything fits. Raises UsageError with what does not fit, and the way out."""
        if self.problems:
            raise UsageError(" ".join(self.problems))
        return self


def plan(
    spec: StudySpec,
    machine: Machine,
    settings: Settings | None = None,
    expected: Mapping[str, Expected] | None = None,
) -> Plan:
    """Estimate what a study takes; by default with the settings of the environment.

    `expected` is what its chapters take, as `book.expected` knows.

    Raises UsageError for a model or SAEs that do not exist, or of unknown size.
    """
    settings = settings or Settings.from_environment()
    sizes, sae = sizes_of(spec, settings), spec.resolved.sae
    model = sizes.model
    fetch = {"model": _to_fetch(model), "sae": 0}
    cached = {"model": 0, "sae": 0}
    if sae is not None and sae.release:
        fetch["sae"] = sizes.sae * sizes.points
    if not machine.name:
        cached["model"] = hub.cached_bytes(model.repository) if model.repository else _in_cache(model)
        cached["sae"] = _bytes_below(releases.cache_folder() / sae.release) if sae is not None and sae.release else 0
    missing = {kind: max(0, fetch[kind] - cached[kind]) for kind in fetch}
    host, gpu = _memory(sizes, machine.device)
    estimate = Plan(
        model=spec.model,
        sae=spec.sae_name if sae is not None else "none",
        device=machine.device,
        dtype=sizes.dtype,
        texts=sizes.texts,
        fetch=fetch,
        cached=cached,
        disk=missing["model"] + _to_convert(model) + 2 * missing["sae"],
        host=host,
        gpu=gpu,
        expected=expected or {},
    )
    return replace(estimate, problems=tuple(_problems(estimate, sizes, machine, settings)))


def _to_fetch(model: ModelPreset) -> int:
    """Bytes of a model's files on the hub or on the package index; 0 for files of a user."""
    if model.package:
        return model.package.size
    return 0 if model.path else model.parameters * devices.WIDTH[model.stored]


def _in_cache(model: ModelPreset) -> int:
    return model.package.size if model.package and model.package.is_here else 0


def _to_convert(model: ModelPreset) -> int:
    """Bytes of the folder that a GGUF file will be converted into; 0 if it has been."""
    from emomech.models.gguf.place import is_converted

    gguf = sources.local_file(model)
    is_gguf = gguf is not None or model.package is not None
    return 2 * model.parameters if is_gguf and not (gguf and is_converted(gguf)) else 0


def spec_of(values: Mapping[str, str]) -> StudySpec:
    """Read the parameters of a study; a parameter of one notebook is unknown. Raises UsageError for a wrong one."""
    known = {parameter.name for parameter in fields(StudySpec)}
    for name in values:
        if name not in known:
            raise unknown("parameter of a study", name, known)
    parsed: dict[str, Any] = dict(values)
    for name in ("seed", "limit"):
        if name in values:
            parsed[name] = whole_number(values[name])
            if parsed[name] is None:
                raise UsageError(f"{name} {values[name]!r}: expected a whole number from 0 to {LARGEST}.")
    return StudySpec(**parsed).validate()


def of_study(values: Mapping[str, str]) -> dict[str, str]:
    """Keep the parameters that are those of a study, and leave out those of single pages."""
    known = {parameter.name for parameter in fields(StudySpec)}
    return {name: value for name, value in values.items() if name in known}


def _memory(sizes: Sizes, device: str) -> tuple[int, int]:
    """Return the peak bytes of host and GPUs: model, control, one SAE with features of a batch, one batch."""
    kept = sizes.texts.number * _KEPT_TOKENS * max(1, sizes.points) * sizes.model.d_model * 4
    host = _LIBRARIES + kept + sizes.sae + _ENCODED * sizes.features * 4
    computed = _COPIES * sizes.weights + sizes.batch(device)
    if device == "cpu":
        return host + computed, 0
    largest = 2 * 4 * sizes.model.vocabulary * sizes.model.d_model
    return host + max(sizes.weights, largest), computed


def _problems(estimate: Plan, sizes: Sizes, machine: Machine, settings: Settings) -> list[str]:
    """Describe what does not fit, and what would."""
    problems = []
    if estimate.disk > machine.disk * _USABLE:
        where = f"on {machine.name}" if machine.name else f"at {hub.cache_folder()}"
        problems.append(
            f"disk: {_gb(estimate.disk)} have to be fetched, and {_gb(machine.disk)} are free {where}. Make "
            "room, or set HF_HUB_CACHE to a larger disk."
        )
    if estimate.gpu > sum(machine.gpus) * _USABLE:
        problems.append(
            f"GPU memory: {estimate.model} in {estimate.dtype} takes {_gb(estimate.gpu)} with its control, and "
            f"{_gb(sum(machine.gpus))} are free. {_ways_out(sizes, machine, settings)}"
        )
    if estimate.host > machine.host * _USABLE:
        problems.append(
            f"memory: {estimate.model} in {estimate.dtype} takes {_gb(estimate.host)}, and {_gb(machine.host)} are "
            f"free. {_ways_out(sizes, machine, settings)}"
        )
    return problems


def _ways_out(sizes: Sizes, machine: Machine, settings: Settings) -> str:
    """Name what fits: a narrower number format, the processor, or the largest smaller model."""
    ways = []
    narrow = replace(sizes, dtype="bfloat16")
    if sizes.dtype == "float32" and _fits(narrow, machine, machine.device):
        ways.append(f"{devices.DTYPE}=bfloat16")
    if machine.device == "cuda" and _fits(sizes, machine, "cpu"):
        ways.append("--device cpu")
    smaller = []
    for name, preset in lookup.table("models").items():
        if isinstance(preset, ModelPreset) and 0 < preset.parameters < sizes.model.parameters:
            candidate = Sizes(preset, settings.number_format(preset.dtype), sizes.features, preset.layers, sizes.texts)
            smaller += [(preset.parameters, name)] if _fits(candidate, machine, machine.device) else []
    if smaller:
        ways.append(f"a smaller model, such as -p model={max(smaller)[1]}")
    if not ways:
        return "Take another machine: no public model of the presets fits this one."
    return f"Take {', or '.join(ways)}."


def _fits(sizes: Sizes, machine: Machine, device: str) -> bool:
    host, gpu = _memory(sizes, device)
    return host <= machine.host * _USABLE and gpu <= sum(machine.gpus) * _USABLE


def _bytes_below(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _gb(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.1f} GB"


def rows(estimate: Plan, machine: Machine, notebooks: Iterable[str]) -> list[tuple[str, str]]:
    """Write a plan as rows of a name and a text, with one row for the time of each of `notebooks`."""
    assumed = f"{_gb(machine.host)} of memory and {_gb(machine.disk)} of disk are assumed to be free"
    lines = [("machine", f"{machine.name}, at the peak rates of: {machine.source}; {assumed}")] if machine.name else []
    lines += [
        ("model", f"{estimate.model}, in {estimate.dtype} on {estimate.device}"),
        ("SAEs", estimate.sae),
        ("texts", str(estimate.texts)),
        ("to fetch", f"model {_gb(estimate.fetch['model'])}, SAEs {_gb(estimate.fetch['sae'])}"),
        ("in the cache", f"model {_gb(estimate.cached['model'])}, SAEs {_gb(estimate.cached['sae'])}"),
        ("disk", f"{_gb(estimate.disk)}; {_gb(machine.disk)} free"),
        ("memory", f"{_gb(estimate.host)} at most; {_gb(machine.host)} free"),
    ]
    if estimate.gpu:
        free = f"{_gb(sum(machine.gpus))} free" if machine.gpus else ""
        lines.append(("GPU memory", f"{_gb(estimate.gpu)} at most; {free}"))
    return lines + time_rows(estimate, notebooks)


def time_rows(estimate: Plan, notebooks: Iterable[str]) -> list[tuple[str, str]]:
    """Write the time of each notebook as a row of columns, the first of which names them."""
    rows = [("time of", _columns("texts", "passes", "model", "SAEs", "rest", "total"))]
    for name in notebooks:
        if name not in estimate.expected:
            rows.append((name, "unknown: it reads SAEs, and there are none"))
            continue
        one = estimate.expected[name]
        times = (one.seconds.model, one.seconds.saes, one.seconds.rest, one.seconds.total)
        rows.append((name, _columns(one.texts, f"{one.passes:.0f}", *map(_time, times))))
    return rows


def _columns(*cells: object) -> str:
    return "".join(f"{cell!s:>10}" for cell in cells)


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def as_json(estimate: Plan, machine: Machine) -> dict[str, Any]:
    """Write a plan, and the machine that it is for, as JSON values."""
    return {**asdict(estimate), "machine": asdict(machine)}
