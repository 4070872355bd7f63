"""The embedded model: the texts it learned from, how it learned, and what it can do.

It is the book's instrument with known ground truth, so its texts, its training and its quality gates are shown. The
texts are drawn again from the grammar; training and measures are read from the records that were written when the
model was trained.
"""

from dataclasses import dataclass
from typing import Annotated

import pandas as pd

from emomech.chapters.organism import inventory
from emomech.core.errors import UsageError
from emomech.data.grammar.lexicon import parts_of_speech
from emomech.organism import records
from emomech.saes import sweep
from emomech.stats.tables import Schema, frame
from emomech.study.identity import depends_on
from emomech.study.study import Study

FACTS = Schema(keys={"fact": "property of the model or of the sample"}, values={"value": "its value"})


@dataclass(frozen=True)
class Organism:
    """The texts of the embedded grammar, the training of one model on them, and the gates of all embedded models."""

    facts: Annotated[pd.DataFrame, FACTS]
    examples: Annotated[pd.DataFrame, inventory.EXAMPLES]
    annotation: Annotated[pd.DataFrame, inventory.ANNOTATION]
    counts: Annotated[pd.DataFrame, inventory.COUNTS]
    forms: Annotated[pd.DataFrame, inventory.FORMS]
    lengths: Annotated[pd.DataFrame, inventory.LENGTHS]
    held_out: Annotated[pd.DataFrame, inventory.HELD_OUT]
    learning: Annotated[pd.DataFrame, records.LEARNING]
    losses: Annotated[pd.DataFrame, records.LOSSES]
    phases: Annotated[pd.DataFrame, records.PHASES]
    baselines: Annotated[pd.DataFrame, records.BASELINES]
    gates: Annotated[pd.DataFrame, records.GATES]
    organisms: Annotated[pd.DataFrame, records.ORGANISMS]
    saes: Annotated[pd.DataFrame, records.SAES]
    sweep: Annotated[pd.DataFrame, sweep.SWEEP]


@depends_on(state=records.state)
def organism(study: Study) -> Organism:
    """Describe the study's model, the texts that the study reads, and the gates of every embedded model that exists.

    The result depends on the records of all embedded models, so a kept run is stale when one of them is trained again.
    Raises UsageError for a model that is not embedded, or has no record.
    """
    record = records.read(study.spec.model)
    drawn = inventory.sample(study.spec.seed, _n_texts(study))
    others = {name: folder for name, folder in records.kept().items() if name != record.measured.name}
    models = [record.measured, *map(records.measured, others.values())]
    gates = records.gates(models)
    return Organism(
        facts=_facts(record, len(drawn), inventory.n_forms(drawn)),
        examples=inventory.examples(drawn),
        annotation=inventory.annotation(drawn),
        counts=inventory.counts(drawn),
        forms=inventory.forms(drawn),
        lengths=inventory.lengths(drawn),
        held_out=inventory.held_out(),
        learning=records.learning(record),
        losses=records.losses(record),
        phases=records.phases(record),
        baselines=records.baselines(record),
        gates=gates,
        organisms=records.organisms(models, gates),
        saes=records.saes(record),
        sweep=record.sweep,
    )


def _n_texts(study: Study) -> int:
    """Number of texts that the study reads. Raises UsageError for a corpus that is not drawn from the grammar."""
    preset = study.spec.resolved.corpus.preset
    if not preset.grammar:
        name = study.spec.corpus_name
        raise UsageError(f"corpus {name!r}: is not drawn from the embedded grammar. Take corpus organism.")
    return min(study.spec.limit or preset.texts, preset.texts)


def _facts(record: records.OrganismRecord, n_texts: int, n_forms: int) -> pd.DataFrame:
    training, recipe = record.training, record.training["recipe"]
    last = training["curve"][-1]
    facts = {
        "parameters": records.n_parameters(record.folder),
        "blocks": recipe["n_layers"],
        "width": recipe["d_model"],
        "words": len(parts_of_speech()),
        "word forms in the sample": n_forms,
        "texts in the sample": n_texts,
        "steps": last["step"],
        "lessons": last["step"] * recipe["batch"],
        "tokens": last["tokens"],
        "seconds": training["seconds"],
        "features per SAE": recipe["d_sae"],
    }
    return frame(FACTS, [{"fact": name, "value": float(value)} for name, value in facts.items()])
