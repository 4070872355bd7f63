"""Quality of an SAE: a perfect one explains all, and features that never fire are dead."""

import pytest
import torch

from emomech.bench.peers.quality import quality


def test_variance_unexplained_and_dead_features_are_counted_over_all_rows() -> None:
    x = torch.randn(3000, 4)
    perfect = quality(lambda rows: torch.cat([rows, -rows], 1).relu(), lambda f: f[:, :4] - f[:, 4:], x)
    assert perfect == pytest.approx([0.0, 0.0], abs=1e-6)
    fvu, dead = quality(lambda rows: torch.cat([rows.abs(), 0 * rows], 1), lambda f: x.mean(0).expand(len(f), -1), x)
    assert fvu == pytest.approx(1.0, abs=1e-3) and dead == 0.5
