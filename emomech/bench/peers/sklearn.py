"""scikit-learn: AUROC by one call per feature and class."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.metrics import roc_auc_score

from emomech.bench.worker import Prepared, serve


def scores(folder: Path, options: Mapping[str, Any]) -> Prepared:
    """Score the features in the options for every class (feature, class)."""
    stored: Any = sp.load_npz(folder / "features.npz")
    features = stored.tocsc()
    member = np.load(folder / "member.npy")

    def loop() -> list[list[float]]:
        dense = np.asarray(features[:, options["features"]].todense())
        return [[float(roc_auc_score(inside, values)) for inside in member.T] for values in dense.T]

    return loop, np.array


if __name__ == "__main__":
    serve({"scores": scores})
