"""The card of a folder of SAEs: how well each reads its model on held-out texts, and what it was trained with.

It is written as `README.md` for people and `quality.json` for programs, beside the folders of the SAEs.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from emomech.core.files import write_atomic
from emomech.core.hook_points import HookPoint
from emomech.models.language_model import LanguageModel
from emomech.saes.config_fields import DEAD, INPUTS, LIBRARIES, RECIPE
from emomech.saes.files import CONFIG
from emomech.saes.quality import Quality, qualities
from emomech.saes.sae import Sae
from emomech.stats.tables import Schema, frame

README, QUALITY = "README.md", "quality.json"
CARD = Schema(
    keys={"hook_point": "hook point of the SAE"},
    values={
        "fvu": "fraction of variance unexplained on held-out texts",
        "l0": "active features per token of held-out texts",
        "dead": "share of features that were dead at the end of the training",
        "loss_recovered": "cross-entropy recovered on held-out texts: 1 as with the activation, 0 as with its mean",
    },
)


def write_card(
    lm: LanguageModel, saes: Mapping[HookPoint, Sae], held_out: Sequence[str], out: Path, corpora: Sequence[str]
) -> pd.DataFrame:
    """Measure the SAEs in the folder `out` on held-out texts, write the card, and return its table (`CARD`).

    `corpora` names the corpora of the training.
    """
    made = {point: json.loads((out / str(point) / CONFIG).read_text(encoding="utf-8"))["metadata"] for point in saes}
    measured = qualities(lm, saes, held_out)
    table = frame(CARD, [_row(quality, made[quality.point], saes[quality.point].d_sae) for quality in measured])
    first = next(iter(made.values()))
    facts = {
        "model": lm.name,
        "corpora": list(corpora),
        "recipe": first.get(RECIPE, {}),
        "hashes": first.get(INPUTS, {}),
        "libraries": first.get(LIBRARIES, {}),
        "held_out_texts": len(held_out),
    }
    write_atomic(out / QUALITY, json.dumps({**facts, "quality": table.to_dict("records")}, indent=1) + "\n")
    write_atomic(out / README, _markdown(facts, table))
    return table


def _row(quality: Quality, made: Mapping[str, Any], d_sae: int) -> dict[str, object]:
    n_dead = made.get(DEAD)
    return {
        "hook_point": str(quality.point),
        "fvu": quality.fvu,
        "l0": quality.l0,
        "dead": quality.dead if n_dead is None else n_dead / d_sae,
        "loss_recovered": quality.loss_recovered,
    }


def _markdown(facts: Mapping[str, Any], table: pd.DataFrame) -> str:
    """Write the card as Markdown."""
    recipe, libraries = facts["recipe"], facts["libraries"]
    what = f"TopK SAEs of {facts['model']}: {recipe.get('d_sae')} features, of which {recipe.get('k')} fire at once"
    columns = "".join(f"- `{name}`: {meaning}\n" for name, meaning in CARD.values.items())
    rows = [(row.hook_point, *(f"{value:.3f}" for value in row[2:])) for row in table.itertuples()]
    lines = [("hook point", *CARD.values), ("---",) * (1 + len(CARD.values)), *rows]
    made = [
        f"trained on: {', '.join(facts['corpora'])}",
        f"recipe: {', '.join(f'{name} {value}' for name, value in recipe.items() if value != '')}",
        *(f"hash of the {name}: {value}" for name, value in facts["hashes"].items()),
        f"libraries: {', '.join(f'{name} {number}' for name, number in libraries.items())}",
    ]
    return "\n".join(
        [
            f"# SAEs of {facts['model']}\n",
            f"{what}. Format: SAELens. Measured on {facts['held_out_texts']} held-out texts.\n",
            *("| " + " | ".join(line) + " |" for line in lines),
            f"\n{columns}\n## How they were made\n",
            *(f"- {line}" for line in made),
            "",
        ]
    )
