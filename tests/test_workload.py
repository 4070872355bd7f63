"""What is counted is what was asked for: every token that a model reads, every product of an SAE."""

import planted
import torch

from emomech import workload
from emomech.attribution import attribute
from emomech.questions import Questions
from emomech.reference import references


def test_tokens_products_and_points_are_counted_once() -> None:
    questions = Questions.of(planted.study(20), range(8))
    (batch, _), *others = questions.batches("everywhere")
    assert not others
    tokens, saes = batch.input_ids.numel(), planted.saes()
    sae = next(iter(saes.values()))
    with workload.counting(planted.PlantedModel) as work:
        questions.logits()
    assert (work.tokens, work.products, work.points) == (tokens, 0, 0)
    with workload.counting(planted.PlantedModel) as work:
        sae.decode(sae.encode(torch.zeros(3, 5, sae.d_in)), torch.zeros(3, 5, sae.d_in))
    assert (work.tokens, work.products, work.points) == (0, 2 * 15 * sae.d_in * sae.d_sae, 1)


def test_a_gradient_is_two_more_readings_and_nothing_stays_patched() -> None:
    questions = Questions.of(planted.study(20), range(8))
    usual = references(questions, planted.saes())
    targets = {point: (one.features, one.error) for point, one in usual.items()}
    ((batch, _),) = questions.batches("everywhere")
    with workload.counting(planted.PlantedModel) as work:
        attribute(questions, planted.saes(), targets)
    assert work.tokens == 3 * batch.input_ids.numel()
    assert work.points == len(planted.POINTS) and work.seconds >= 0
    before = work.tokens
    questions.logits()
    assert work.tokens == before
