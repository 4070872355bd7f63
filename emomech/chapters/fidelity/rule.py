"""The rule for the instrument: single SAE features stand for annotated properties of the texts."""

from emomech.chapters.fidelity.analysis import FEATURES, Fidelity
from emomech.chapters.verdict import Verdict

BASELINES = ("residual dimensions", "random directions", "random weights")
READABLE = 0.9
"""Lowest AUROC at which a single unit counts as standing for a value."""


def fidelity(result: Fidelity) -> Verdict:
    """Decide whether single SAE features are better than units that need no SAE.

    Replicates if, for more than half of the values, the AUROC of the best feature exceeds those of the best residual
    dimension, the best random direction, and the best random direction in a network with random weights, on the same
    texts. Partly if that holds for at least one value. Does not replicate otherwise.
    """
    gain = result.advantage[result.advantage.baseline.isin(BASELINES)]
    n_beyond = int((gain.groupby(["family", "value"]).low.min() > 0).sum())
    median = result.best.groupby("reader").auroc.median()
    features = result.best[result.best.reader == FEATURES].auroc
    n_unread = int((features < READABLE).sum())
    reason = f"The best SAE feature exceeds every baseline without an SAE for {n_beyond} of {len(features)} values."
    return Verdict(
        claim="instrument",
        statement="Single SAE features stand for annotated properties of the texts, better than units without an SAE.",
        outcome="replicates" if n_beyond > len(features) / 2 else "partly" if n_beyond else "does not replicate",
        reason=reason + (f" For {n_unread} values no feature reaches an AUROC of {READABLE}." if n_unread else ""),
        estimate=f"median AUROC {median[FEATURES]:.2f}",
        control="; ".join(f"{reader}: {median[reader]:.2f}" for reader in (*BASELINES, "linear probe")),
    )
