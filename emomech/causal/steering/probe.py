"""A linear probe with the same labelled texts: what could be read from the residual stream and is not answered.

Its answers replace the model's, so it steers nothing. It says how much of what the model represents the labelled texts
are enough to find (Alain and Bengio, 2017, arXiv:1610.01644).
"""

import numpy as np

from emomech.causal.steering.label_draws import LabelledPool, Labels
from emomech.causal.steering.recognition import Change, Texts, accuracy
from emomech.stats.estimates import Floats, Ints

PROBE = "linear probe"
PENALTIES = (0.001, 0.01, 0.1)
"""Inverse strengths of the penalty that are compared, scikit-learn's C."""


def probed(pool: LabelledPool, labels: Labels, texts: Texts) -> tuple[str, Change]:
    """Fit probes at every hook point on the texts that select; return what was chosen, and the change on `report`.

    Hook point and penalty are those that are right most often on the texts that choose; the probe is then fitted
    again on all the labelled texts. Among equals the first hook point and the strongest penalty are chosen.
    """
    tried = [(point, c) for point in pool.dictionary.saes for c in PENALTIES]
    gold, n = pool.gold, len(pool.questions.labels)

    def score(point_and_c: tuple) -> float:
        x = pool.at_answer[point_and_c[0]].numpy()
        scores = _fitted(x[labels.selects], gold[labels.selects], x[labels.tunes], point_and_c[1], n)
        return round(accuracy(scores, gold[labels.tunes]), 9)

    point, c = max(tried, key=score)
    x, report = pool.at_answer[point].numpy(), texts.report.questions.activations([point], "answer")[point].numpy()
    scores = _fitted(x[labels.every], gold[labels.every], report, c, n)
    return f"logistic regression at {point}, C = {c:g}", texts.change(scores)


def _fitted(x: Floats, gold: Ints, new: Floats, c: float, n_labels: int) -> Floats:
    """Fit a probe on activations x (text, d_in); return its scores for new ones (text, label)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=500))
    scores = np.full((len(new), n_labels), -np.inf)
    scores[:, np.unique(gold)] = model.fit(x, gold).predict_log_proba(new)
    return scores
