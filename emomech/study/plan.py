"""What a study of a model will take on this machine, told before anything is fetched: bytes, memory and time.

All numbers are estimates from sizes that presets declare, or that a folder's files say. The time is that of the book's
quick profile on the embedded corpus, see `workload`: a model's share is the tokens that it reads, more of them the
deeper it is, times its weights without the embedding, at half the rate at which the machine multiplies large matrices;
an SAE's grows with its size and the number of hook points; what is left, statistics of features, with their number.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from emomech.core import devices, hub
from emomech.core.devices import NumberFormat
from emomech.core.errors import UsageError, unknown
from emomech.core.machine import Machine
from emomech.models.language_model import LOGITS
from emomech.presets import lookup
from emomech.presets.kinds import ModelPreset, SaePreset
from emomech.saes import releases
from emomech.study import workload
from emomech.study.spec import StudySpec

_COUNTED_ON = "organism"
_BATCH_TOKENS = 8192
_TEXTS, _READS = 2400, 4
"""Texts of the embedded corpus, and the tokens of a text whose activations are kept."""
_EFFICIENCY = 0.5
_COPIES = 2
"""Beside the model stands its control with random weights."""
_ROOM = 0.9
"""Share of what is free that may be taken."""


@dataclass(frozen=True)
class Sizes:
    """The shapes that decide all else."""

    model: ModelPreset
    dtype: NumberFormat
    features: int = 0
    """Features of one SAE; 0 where that is not known, or no SAE is read."""
    points: int = 0
    """Hook points with an SAE."""

    @property
    def weights(self) -> int:
        """Bytes of the model as it is computed with."""
        return self.model.parameters * devices.WIDTH[self.dtype]

    @property
    def sae(self) -> int:
        """Bytes of one SAE in float32."""
        return 2 * self.model.d_model * self.features * 4

    @property
    def batch(self) -> int:
        """Bytes of one batch: its logits in three copies, or the activations of all hook points."""
        logits = 3 * 4 * min(LOGITS, _BATCH_TOKENS * self.model.vocabulary)
        return max(logits, _BATCH_TOKENS * self.model.d_model * devices.WIDTH[self.dtype] * (self.points + 12))


@dataclass(frozen=True)
class Plan:
    """Bytes and seconds, and what of it this machine does not have."""

    model: str
    sae: str
    device: str
    dtype: str
    fetch: Mapping[str, int]
    """Bytes of the model's and of the SAEs' files on the hub; 0 for what is in a folder."""
    cached: Mapping[str, int]
    """How much of each is in the cache already."""
    disk: int
    """Bytes that will be written."""
    host: int
    """Peak of the host's memory in bytes."""
    gpu: int
    """Peak of the GPUs' memory in bytes, all together."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Estimated time of each notebook in the quick profile."""
    problems: tuple[str, ...] = ()
    """What does not fit."""

    def check(self) -> "Plan":
        """Return the plan if all fits. Raises UsageError with what does not, and the way out."""
        if self.problems:
            raise UsageError(" ".join(self.problems))
        return self


def plan(spec: StudySpec, machine: Machine) -> Plan:
    """Estimate what a study takes. Raises UsageError for a model or SAEs that do not exist, or of unknown size."""
    sizes = sizes_of(spec)
    model, sae = sizes.model, lookup.sae(spec.sae_name) if spec.sae is not None else None
    fetch = {"model": 0 if model.path else model.parameters * devices.WIDTH[model.stored], "sae": 0}
    cached = {"model": hub.cached_bytes(model.repository) if model.repository else 0, "sae": 0}
    if sae is not None and sae.release:
        fetch["sae"] = sizes.sae * sizes.points
        cached["sae"] = _bytes_below(releases.cache_folder() / sae.release)
    missing = {kind: max(0, fetch[kind] - cached[kind]) for kind in fetch}
    host, gpu = _memory(sizes, machine.device, min(spec.limit or _TEXTS, _TEXTS))
    found = Plan(
        model=spec.model,
        sae=spec.sae_name if sae is not None else "none",
        device=machine.device,
        dtype=sizes.dtype,
        fetch=fetch,
        cached=cached,
        disk=missing["model"] + 2 * missing["sae"],
        host=host,
        gpu=gpu,
        seconds=_seconds(sizes, machine),
    )
    return replace(found, problems=tuple(_problems(found, sizes, machine)))


def spec_of(asked: Mapping[str, str]) -> StudySpec:
    """Read parameters of a study; those of single notebooks change no plan. Raises UsageError for what is none."""
    known = {one.name for one in fields(StudySpec)}
    for name in asked:
        if name not in known:
            raise unknown("parameter of a study", name, known)
    values: dict[str, Any] = dict(asked)
    for name in ("seed", "limit"):
        if name in asked:
            if not asked[name].isdecimal():
                raise UsageError(f"{name} {asked[name]!r}: expected a whole number from 0 on.")
            values[name] = int(asked[name])
    return StudySpec(**values).validate()


def sizes_of(spec: StudySpec) -> Sizes:
    """Gather the sizes of a study's model and SAEs. Raises UsageError where a preset does not say them."""
    model = _measured(spec.model, lookup.model(spec.model))
    dtype = devices.number_format(model.dtype)
    if spec.sae is None:
        return Sizes(model, dtype)
    return Sizes(model, dtype, *_features_and_points(spec.sae_name, lookup.sae(spec.sae_name)))


def _measured(name: str, preset: ModelPreset) -> ModelPreset:
    """Complete the sizes of a model from its folder."""
    if preset.path:
        from transformers import AutoConfig

        from emomech.models.files import check_files, n_weights

        folder = lookup.shipped(preset.path)
        check_files(name, folder)
        text = AutoConfig.from_pretrained(folder, local_files_only=True).get_text_config()
        shapes = {"layers": text.num_hidden_layers, "d_model": text.hidden_size, "vocabulary": text.vocab_size}
        shapes["context"] = text.max_position_embeddings
        return preset.model_copy(update={"parameters": n_weights(folder), **shapes})
    if not (preset.parameters and preset.layers and preset.d_model and preset.vocabulary):
        raise UsageError(
            f"model {name!r}: its preset does not say its sizes, so that nothing can be planned. Add parameters, "
            "layers, d_model, vocabulary and context to it."
        )
    return preset


def _features_and_points(name: str, sae: SaePreset) -> tuple[int, int]:
    """Features of the largest SAE, and how many there are, from a preset or from the headers of a folder's files."""
    if not sae.path:
        if not sae.features:
            raise UsageError(
                f"SAEs {name!r}: their preset does not say how many features they have; add features to it."
            )
        return sae.features, len(sae.ids)
    from safetensors import safe_open

    widest, points = 0, 0
    for file in lookup.shipped(sae.path).rglob("sae_weights.safetensors"):
        with safe_open(file, "pt") as weights:
            widest, points = max(widest, weights.get_slice("W_dec").get_shape()[0]), points + 1
    return widest, points


def _memory(sizes: Sizes, device: str, texts: int) -> tuple[int, int]:
    """Peak of the host and of the GPUs: model, control, one SAE with its features of a batch, and one batch."""
    kept = texts * _READS * max(1, sizes.points) * sizes.model.d_model * 4
    host = kept + sizes.sae + _BATCH_TOKENS // 4 * sizes.features * 4
    computed = _COPIES * sizes.weights + sizes.batch
    if device == "cpu":
        return host + computed, 0
    largest = 2 * 4 * sizes.model.vocabulary * sizes.model.d_model
    return host + max(sizes.weights, largest), computed


def _problems(found: Plan, sizes: Sizes, machine: Machine) -> list[str]:
    """Say what does not fit, and what would."""
    said = []
    if found.disk > machine.disk * _ROOM:
        where = hub.cache_folder()
        said.append(
            f"disk: {_gb(found.disk)} have yet to be fetched, and {_gb(machine.disk)} are free at {where}. Make room, "
            "or set HF_HUB_CACHE to a larger disk."
        )
    if found.gpu > sum(machine.gpus) * _ROOM:
        said.append(
            f"GPU memory: {found.model} in {found.dtype} takes {_gb(found.gpu)} with its control, and "
            f"{_gb(sum(machine.gpus))} are free. {_ways_out(sizes, machine)}"
        )
    if found.host > machine.host * _ROOM:
        said.append(
            f"memory: {found.model} in {found.dtype} takes {_gb(found.host)}, and {_gb(machine.host)} are free. "
            f"{_ways_out(sizes, machine)}"
        )
    return said


def _ways_out(sizes: Sizes, machine: Machine) -> str:
    """Name what fits: a narrower number format, the processor, or the largest smaller model."""
    ways = []
    narrow = Sizes(sizes.model, "bfloat16", sizes.features, sizes.points)
    if sizes.dtype == "float32" and _fits(narrow, machine, machine.device):
        ways.append(f"{devices.DTYPE}=bfloat16")
    if machine.device == "cuda" and _fits(sizes, machine, "cpu"):
        ways.append("--device cpu")
    smaller = [
        (preset.parameters, name)
        for name, preset in lookup.table("models").items()
        if isinstance(preset, ModelPreset) and 0 < preset.parameters < sizes.model.parameters
        if _fits(
            Sizes(preset, devices.number_format(preset.dtype), sizes.features, preset.layers), machine, machine.device
        )
    ]
    if smaller:
        ways.append(f"a smaller model, such as -p model={max(smaller)[1]}")
    return (
        f"Take {', or '.join(ways)}." if ways else "Take another machine: no public model of the presets fits this one."
    )


def _fits(sizes: Sizes, machine: Machine, device: str) -> bool:
    host, gpu = _memory(sizes, device, _TEXTS)
    return host <= machine.host * _ROOM and gpu <= sum(machine.gpus) * _ROOM


def _seconds(sizes: Sizes, machine: Machine) -> dict[str, float]:
    """Scale what was counted on the embedded model to this one, by the rule that the module tells."""
    body = sizes.model.parameters - sizes.model.vocabulary * sizes.model.d_model
    base = sizes_of(StudySpec(model=_COUNTED_ON))
    found = {}
    for name, work in workload.counted().items():
        if work.points and not sizes.features:
            continue
        points = sizes.points / work.points if work.points else 1.0
        wider = sizes.features / base.features if work.points else 1.0
        per_sae = wider * sizes.model.d_model / base.model.d_model
        deeper = sizes.model.layers - base.model.layers
        model = 2 * body * max(0, work.tokens + work.tokens_per_block * deeper) / (machine.rate * _EFFICIENCY)
        saes = 2 * work.products * points * per_sae / (machine.host_rate * _EFFICIENCY)
        found[name] = round(model + saes + work.seconds * max(1.0, points * wider), 1)
    return found


def _bytes_below(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _gb(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.1f} GB"


def rows(found: Plan, machine: Machine, notebooks: Iterable[str]) -> list[tuple[str, str]]:
    """Write a plan as rows of a name and a text; each of `notebooks` has a row for its time."""
    free = f"{_gb(sum(machine.gpus))} free" if machine.gpus else ""
    lines = [
        ("model", f"{found.model}, in {found.dtype} on {found.device}"),
        ("SAEs", found.sae),
        ("to fetch", f"model {_gb(found.fetch['model'])}, SAEs {_gb(found.fetch['sae'])}"),
        ("in the cache", f"model {_gb(found.cached['model'])}, SAEs {_gb(found.cached['sae'])}"),
        ("disk", f"{_gb(found.disk)}; {_gb(machine.disk)} free"),
        ("memory", f"{_gb(found.host)} at most; {_gb(machine.host)} free"),
    ]
    if found.gpu:
        lines.append(("GPU memory", f"{_gb(found.gpu)} at most; {free}"))
    times = {name: "unknown: not counted, or no SAEs" for name in notebooks}
    times |= {name: f"about {_time(seconds)}" for name, seconds in found.seconds.items()}
    return lines + [(f"time of {name}", told) for name, told in times.items()]


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def as_json(found: Plan, machine: Machine) -> dict[str, Any]:
    """Give a plan to a program."""
    return {**asdict(found), "machine": asdict(machine)}
