"""Small inputs that once went wrong, each with the command that shows it, give what is right.

They lie beside the checkout. Each folder holds an input and `cmd.sh`, which is run in a copy of the folder.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MODULES = {
    "from emomech import corpus, presets, public_texts": "from emomech import presets, public_texts",
    "from emomech import presets, public_texts": "from emomech.study import corpora; from emomech.study.resolved "
    "import ResolvedCorpus",
    "public_texts.read(name, presets.corpus(name), {})": "corpora.read(ResolvedCorpus.of(name), {})",
    "from emomech.models import load_model": "from emomech.models.loading import load_model",
    "emomech.readout": "emomech.models.scoring",
    "emomech.tokens": "emomech.models.tokens",
    "emomech.sae_files": "emomech.saes.files",
}
"""Names in the commands that the package has given up, and what replaces them, in this order."""
RIGHT = {
    "01-csv-comma-index": [
        r"UsageError: texts\.csv: line 2 has 3 fields, expected 2",
        r"\nemomech: texts\.csv: line 2",
    ],
    "02-csv-unbalanced-quote": [r"texts\.csv: line 8: a quote opens a field"],
    "04-verdicts-unknown-parameter": [
        r"unknown parameter of the book 'sed'\. Did you mean 'seed'\?.*\nrc=2\n",
        r"seed: found 'x', expected a whole number.*\nrc=2\n",
        r"there is nothing at /no/such\.csv\.\nrc=2",
    ],
    "05-tokenizer-prefix-not-bos": [
        r"stories260K the tokenizer itself: \[1, 301, 380\] emomech: \(1, 301, 380\) \[\[-4\.541 -4\.227\]\]",
        r"\nunnamed the tokenizer itself: \[1, 301, 380\] emomech: \(1, 301, 380\) \[\[-4\.541 -4\.227\]\]",
        r"\neos_first the tokenizer itself: \[2, 301, 380\] emomech: \(2, 301, 380\)",
    ],
    "06-parquet-classlabel": [r"60 Counter\(\{'sad': 20, 'happy': 20, 'scared': 20\}\)"],
    "07-label-spelling-variants": [r"the labels 'sad\\u200b' \(line 2\) and 'SAD' \(line 4\) look alike"],
    "11-seed-too-large": [
        r"'--seed': Input should be less than or equal to 2147483647[\s\S]*?\nrc=2\n",
        r"behaviour: seed: found '9{23}', expected .*\nrc=2",
    ],
    "13-parquet-categorical-person": [r"60 Counter\(\{'sad': 20, 'happy': 20, 'scared': 20\}\)"],
    "14-model-without-context-length": [r"out/html/behaviour\.html\nrc=0"],
    "15-corpus-without-words": [r"out/html/behaviour\.html\nrc=0"],
    "16-sae-train-keeps-other-recipe": [
        r"rc=0\nemomech: .*holds an SAE with d_sae 64, k 4, seed 0, but asked for is d_sae 256, k 16, seed 5.*\nrc=2\n64 4",
        r"empty/blocks\.0\.hook_resid_pre: holds no SAE that can be read.*\nrc=2",
    ],
    "18-sae-metadata-null": [r"EmomechError: saes/a/cfg\.json: metadata null: expected an object"],
}
"""Patterns that the output of each command has to have."""


pytestmark = pytest.mark.realdata


@pytest.mark.parametrize("case", RIGHT)
def test_each_case_gives_what_is_right(case: str, shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    model = shared_data("stories260K")
    folder = Path(shutil.copytree(model.parents[1] / "cases" / case, tmp_path / case))
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755)
    script = (folder / "cmd.sh").read_text()
    for earlier, present in MODULES.items():
        script = script.replace(earlier, present)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    settings = {"PATH": path, "MODEL": str(model), "EMOMECH_RUNS": str(tmp_path / "runs"), "COLUMNS": "200"}
    command = ["bash", "-c", script, str(folder / "cmd.sh")]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    output = subprocess.run(command, cwd=folder, env=os.environ | settings, timeout=300, **streams).stdout
    for pattern in RIGHT[case]:
        assert re.search(pattern, output), output


def test_every_case_is_known(shared_data: Callable[[str], Path]) -> None:
    cases = shared_data("stories260K").parents[1] / "cases"
    assert {folder.name for folder in cases.iterdir()} == set(RIGHT)
