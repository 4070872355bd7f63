"""What others' language models say that features are about: Neuronpedia's explanations, in bulk, with who wrote them.

An explanation is one model's guess from a few texts on which a feature fires most. It is no gold: it is seldom scored,
does not exist for every feature, and where the explainer was shown the output tokens that a feature raises, it says
what the feature writes rather than what it reads. A curve over layers that different explainers explained shows the
explainers, and is refused. Families are told by key words of `presets/label_families.toml`, which is cruder still.
"""

import gzip
import json
import re
import tomllib
import urllib.request
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from xml.etree import ElementTree

from emomech import whole_files
from emomech.errors import EmomechError, UsageError, unknown
from emomech.presets import PACKAGE
from emomech.schema import DEPTH, Schema, frame
from emomech.vocab import HookPoint

if TYPE_CHECKING:
    import pandas as pd

BUCKET = "https://neuronpedia-datasets.s3.us-east-1.amazonaws.com/"
"""Public; see docs.neuronpedia.org/api-and-data/exports."""

CURVE = Schema(
    keys={"hook_point": "where the SAE stands", "family": "family whose key words an explanation has"},
    values={
        "depth": DEPTH,
        "n": "features whose explanation has one",
        "share": "of all features that are explained",
        "coverage": "explained among all features",
        "explainer": "model that wrote the explanations, and how it was asked",
    },
)

_BATCH = re.compile(r"batch-(\d+)\.jsonl\.gz")
_S3 = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@dataclass(frozen=True)
class FeatureLabels:
    """Explanations of one SAE's features, all by one explainer."""

    source: str
    """Neuronpedia's name of the SAE: `gpt2-small/5-res-jb`."""
    explainer: str
    """Model that wrote them, and how it was asked: `gpt-4o-mini / oai_token-act-pair`."""
    text: Mapping[int, str]
    """Feature to explanation."""
    explainers: Mapping[str, int]
    """How many features each explainer explains in the files that were read."""
    n_repeated: int
    """Further explanations by the same explainer that were left out."""

    def coverage(self, d_sae: int) -> float:
        """Share of an SAE's features that are explained. Raises UsageError for a feature that it does not have."""
        if beyond := [index for index in self.text if not 0 <= index < d_sae]:
            raise UsageError(f"labels of {self.source}: explain feature {beyond[0]}, but the SAE has {d_sae}.")
        return len(self.text) / d_sae


def read_labels(folder: Path, explainer: str = "") -> FeatureLabels:
    """Read the files `batch-N.jsonl.gz` of a folder.

    Where several explainers stand in them, `explainer` is taken, or else the one that explains most features (of
    equals the first by name); where it explains a feature more than once, the first in the order of the files counts.
    Raises UsageError for a folder without such files, for one that cannot be read, for a line that is no explanation,
    for explanations of several SAEs in one folder, and for an explainer that wrote none.
    """
    files = sorted((int(m[1]), file) for file in folder.glob("*.jsonl.gz") if (m := _BATCH.fullmatch(file.name)))
    if not files:
        raise UsageError(
            f"labels {str(folder)!r}: holds no file batch-N.jsonl.gz; expected Neuronpedia's explanations."
        )
    sources: set[str] = set()
    texts: dict[str, dict[int, str]] = {}
    repeated: Counter[str] = Counter()
    for _, file in files:
        for source, index, by, text in _rows(file):
            sources.add(source)
            found = texts.setdefault(by, {})
            repeated[by] += index in found
            found.setdefault(index, text)
    if len(sources) != 1:
        what = f"explains {' and '.join(sorted(sources))}" if sources else "explains nothing"
        raise UsageError(f"labels {str(folder)!r}: {what}, expected the explanations of one SAE.")
    if explainer and explainer not in texts:
        raise unknown(f"explainer in {folder}", explainer, texts)
    chosen = explainer or min(texts, key=lambda by: (-len(texts[by]), by))
    counted = {by: len(found) for by, found in sorted(texts.items())}
    return FeatureLabels(sources.pop(), chosen, texts[chosen], counted, repeated[chosen])


def _rows(file: Path) -> Iterator[tuple[str, int, str, str]]:
    """Read explanations: (source, feature, explainer, text); those that say nothing are none."""
    try:
        lines = gzip.decompress(file.read_bytes()).decode("utf-8").splitlines()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read as gzipped text ({error}). Delete it, and fetch it again.") from error
    for number, line in enumerate(lines, 1):
        try:
            row: dict[str, Any] = json.loads(line) if line.strip() else {"description": ""}
            if text := (row["description"] or "").strip():
                by = f"{row.get('explanationModelName') or 'unknown'} / {row.get('typeName') or 'unknown'}"
                yield f"{row['modelId']}/{row['layer']}", int(row["index"]), by, text
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            wanted = "modelId, layer, index and description"
            raise UsageError(f"{file}:{number}: is no explanation ({error!r}); expected JSON with {wanted}.") from error


@cache
def lexicon() -> Mapping[str, re.Pattern[str]]:
    """Read the key words of each family, as one pattern."""
    words = tomllib.loads((PACKAGE / "presets" / "label_families.toml").read_text(encoding="utf-8"))
    parts = {
        family: "|".join(re.escape(word).replace(r"\*", r"\w*") for word in found) for family, found in words.items()
    }
    return {family: re.compile(rf"\b(?:{found})\b", re.IGNORECASE) for family, found in parts.items()}


def families(explanation: str) -> set[str]:
    """Name the families of which an explanation has a key word; a crude reading, and none for many."""
    return {family for family, pattern in lexicon().items() if pattern.search(explanation)}


def label_curve(
    labels: Mapping[HookPoint, FeatureLabels], d_sae: Mapping[HookPoint, int], n_layers: int
) -> "pd.DataFrame":
    """Give the share of explained features that each family has at each hook point; a table as `CURVE` says.

    Raises EmomechError where the hook points have different explainers, with their names, and UsageError as
    `FeatureLabels.coverage` does.
    """
    _one_explainer(labels)
    rows = []
    for point, found in sorted(labels.items(), key=lambda item: item[0].resid_index()):
        counted = Counter(family for text in found.text.values() for family in families(text))
        coverage = found.coverage(d_sae[point])
        for family in lexicon():
            n = counted[family]
            rows.append((str(point), family, point.depth(n_layers), n, n / len(found.text), coverage, found.explainer))
    return frame(CURVE, rows)


def _one_explainer(labels: Mapping[HookPoint, FeatureLabels]) -> None:
    by: dict[str, list[HookPoint]] = {}
    for point, found in labels.items():
        by.setdefault(found.explainer, []).append(point)
    if len(by) > 1:
        who = "; ".join(f"{name}: {', '.join(map(str, sorted(points)))}" for name, points in sorted(by.items()))
        raise EmomechError(
            "labels by different explainers make no curve over depth, which would show who explained which layer: "
            f"{who}. Read the layers with one `explainer`, or leave those of the others out."
        )


def source_of(release: str, sae_id: str) -> str:
    """Look up in SAELens's registry what Neuronpedia calls an SAE. Raises UsageError for one that is not there."""
    with warnings.catch_warnings(action="ignore"):
        from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

    known = get_pretrained_saes_directory()
    if release not in known:
        raise UsageError(f"release {release!r}: is not in SAELens's registry.")
    if not (found := known[release].neuronpedia_id.get(sae_id)):
        raise UsageError(f"{release} {sae_id!r}: Neuronpedia has no such SAE, by SAELens's registry.")
    return found


def download(source: str, cache_folder: Path, kind: str = "explanations") -> Path:
    """Fetch all explanations of an SAE into a folder below `cache_folder`, and return it; what is there is kept.

    `kind` is the folder of the bucket, for SAEs that have several (`explanations-gpt-4o-mini`). Raises UsageError where
    nothing can be fetched or there is nothing; a file appears as a whole or not at all.
    """
    prefix = f"v1/{source}/{kind}/"
    folder = cache_folder / source / kind
    try:
        found = {key: size for key, size in _listed(prefix) if _BATCH.fullmatch(key.removeprefix(prefix))}
        if not found:
            raise UsageError(f"labels of {source!r}: Neuronpedia's bucket has none in {prefix}.")
        folder.mkdir(parents=True, exist_ok=True)
        for key, size in found.items():
            file = folder / key.removeprefix(prefix)
            if not file.exists() or file.stat().st_size != size:
                _fetch(key, file)
    except OSError as error:
        raise UsageError(
            f"labels of {source!r}: cannot be fetched ({error}). Connect to the network once, or name a folder of them."
        ) from error
    return folder


def _listed(prefix: str) -> Iterator[tuple[str, int]]:
    """List the bucket's files with their sizes; it gives at most a thousand at once."""
    query = {"list-type": "2", "prefix": prefix}
    while True:
        with urllib.request.urlopen(f"{BUCKET}?{urlencode(query)}", timeout=60) as answer:
            page = ElementTree.fromstring(answer.read())
        for entry in page.iter(f"{_S3}Contents"):
            yield entry.findtext(f"{_S3}Key", ""), int(entry.findtext(f"{_S3}Size", "0"))
        if not (further := page.findtext(f"{_S3}NextContinuationToken")):
            return
        query["continuation-token"] = further


def _fetch(key: str, file: Path) -> None:
    with urllib.request.urlopen(BUCKET + key, timeout=60) as answer:
        content = answer.read()
    whole_files.write(file, content)
