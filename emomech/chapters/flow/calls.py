"""The calls of the flow page: two models are read once, and every label family is explained at every hook point."""

from emomech.causal.calls import Asked
from emomech.chapters.declared import Parameters, checked, loaded, quality
from emomech.study.calls import Calls, Scale

N_GATE_TEXTS = 200
"""Texts on which the quality of the SAEs is measured."""
TAGS = frozenset({"pos", "role", "voice", "semantic_role", "entity", "desirability"})
"""Tags that stand for stages, besides the word and the emotion."""
EXPLAIN = 70
"""Operations on arrays that rank the features of a hook point and explain them by a family."""
READ = 0.92
"""Share of the texts at which a family is read: the family with fewest labelled texts decides for all."""


def calls(scale: Scale, parameters: Parameters) -> Calls:
    """Declare the calls of `flow`, for texts with so many label families as are annotated."""
    task, n_beside, places = scale.task, len(scale.beside), _n_places(scale)
    n = task.distinct * task.texts
    asked, conditions = Asked.of(scale, n), 4 + n_beside
    read = 2 * asked.read() + Calls(models=1, tokenized=task.texts)
    encoded = conditions * places * Asked.of(scale, n * READ).at_answer()
    sized = checked(scale, 1 + n_beside) + quality(scale, min(N_GATE_TEXTS, task.texts))
    return loaded(scale) + sized + read + encoded + _explained(scale, parameters, conditions, n * READ)


def _n_places(scale: Scale) -> int:
    """Number of families that can be tested at the words and at the answer: most of those that are annotated."""
    at_words, at_answer = TAGS & scale.task.word_tags, TAGS & scale.task.answer_tags
    return 2 + round(0.85 * (len(at_words) + len(at_answer)))


def _explained(scale: Scale, parameters: Parameters, conditions: int, n: float) -> Calls:
    """Explain the ranks of all features by each family, in all resamples and permutations."""
    task = scale.task
    resamples = 2 * parameters["n_draws"] + parameters["n_resamples"]
    draws, profiles = resamples + parameters["n_permutations"], conditions * _n_places(scale) * scale.points
    weighed = profiles * n * scale.active * draws * (task.labels - 1)
    phases = 2 * conditions * parameters["n_resamples"]
    return Calls(
        ranked=profiles * n * scale.active, weighed=weighed, steps=profiles * EXPLAIN + phases * 15, rows=profiles
    )
