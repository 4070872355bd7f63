"""Sparse encoding equals the SAE's own dense encoding."""

import numpy as np
import pytest
import torch
from torch import Tensor

from emomech.core.hook_points import HookPoint
from emomech.saes import encoding
from emomech.saes.controls import random_sae
from emomech.saes.encoding import encode, firing
from emomech.saes.sae import Sae

D_IN, D_SAE, K = 8, 30, 4


def _residuals(n: int) -> Tensor:
    return torch.randn(n, D_IN, generator=torch.Generator().manual_seed(0))


def _sae() -> Sae:
    return random_sae(HookPoint(0), _residuals(50), D_SAE, K, seed=1)


def test_encoding_is_the_saes_own_sparse_and_in_double_precision() -> None:
    x, sae = _residuals(20), _sae()
    encoded = encode(sae, x)
    assert encoded.dtype == np.float64 and encoded.shape == (20, D_SAE)
    assert 0 < encoded.nnz <= 20 * K
    assert (encoded.data > 0).all()
    np.testing.assert_array_equal(encoded.toarray(), sae.encode(x).double().numpy())


@pytest.mark.parametrize("rows", [1, 7, 20, 64])
def test_blocks_do_not_show_in_the_result(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, sae = _residuals(20), _sae()
    at_once = encode(sae, x).toarray()
    monkeypatch.setattr(encoding, "_ROWS", rows)
    np.testing.assert_allclose(encode(sae, x).toarray(), at_once, rtol=1e-5)


@pytest.mark.parametrize("rows", [7, 64])
def test_what_fires_is_named_by_read_and_feature(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "_ROWS", rows)
    x, sae = _residuals(20), _sae()
    row, feature, value = firing(sae, x)
    encoded = torch.zeros(20, D_SAE).index_put((row, feature), value)
    torch.testing.assert_close(encoded, sae.encode(x))
    assert (value > 0).all() and firing(sae, x[:0])[0].shape == (0,)


def test_no_activations_give_no_rows_of_all_features() -> None:
    encoded = encode(_sae(), torch.empty(0, D_IN))
    assert encoded.shape == (0, D_SAE) and encoded.nnz == 0


def test_activations_without_any_feature_keep_their_rows() -> None:
    sae = _sae()
    encoded = encode(sae, sae.b_dec.expand(3, -1))
    assert encoded.shape == (3, D_SAE) and encoded.nnz == 0


def test_low_precision_activations_are_taken() -> None:
    x, sae = _residuals(5).bfloat16(), _sae()
    np.testing.assert_array_equal(encode(sae, x).toarray(), encode(sae, x.float()).toarray())
