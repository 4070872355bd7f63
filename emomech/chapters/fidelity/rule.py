"""The rule of the instrument: that single SAE features stand for what is known of the texts."""

from emomech.chapters.fidelity.analysis import FEATURES, Fidelity
from emomech.chapters.verdict import Verdict

NO_SAE = ("residual dimensions", "random directions", "random weights")
READABLE = 0.9
"""AUROC from which a single unit may be said to stand for a value."""


def fidelity(result: Fidelity) -> Verdict:
    """Whether single SAE features are worth reading: better than what needs no SAE.

    Replicates if for more than half of the values the best feature's AUROC exceeds, on the same texts, those of the
    best residual dimension, of the best random direction, and of the best in a network with random weights; partly if
    for any.
    """
    gain = result.advantage[result.advantage.baseline.isin(NO_SAE)]
    beyond = int((gain.groupby(["family", "value"]).low.min() > 0).sum())
    median = result.best.groupby("reader").auroc.median()
    features = result.best[result.best.reader == FEATURES].auroc
    unread = int((features < READABLE).sum())
    reason = f"The best feature exceeds all that needs no SAE for {beyond} of {len(features)} values."
    return Verdict(
        claim="instrument",
        statement="Single SAE features stand for what is known of the texts, better than what needs no SAE.",
        outcome="replicates" if beyond > len(features) / 2 else "partly" if beyond else "does not replicate",
        reason=reason + (f" For {unread} no feature reaches an AUROC of {READABLE}." if unread else ""),
        estimate=f"median AUROC {median[FEATURES]:.2f}",
        control="; ".join(f"{reader}: {median[reader]:.2f}" for reader in (*NO_SAE, "linear probe")),
    )
