"""An SAE that consists mostly of dead features is refused by name, unless its decoder is frozen or nothing is known."""

from dataclasses import replace

import pytest

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.saes.compatibility import MAX_FVU_FROZEN, check_fit
from emomech.saes.dead import MAX_DEAD, all_mostly_dead, mostly_dead
from emomech.study.spec import StudySpec
from emomech.study.study import Study

STUDY = Study(StudySpec(limit=64))
POINT = HookPoint(3)


def test_the_share_decides_and_an_unknown_number_does_not() -> None:
    sae = STUDY.saes[POINT]
    at_limit = int(MAX_DEAD * sae.d_sae)
    assert sae.dead == 0
    assert not any(mostly_dead(replace(sae, dead=dead)) for dead in (None, 0, at_limit))
    few = {POINT: replace(sae, dead=at_limit + 1), HookPoint(4): STUDY.saes[HookPoint(4)]}
    assert all_mostly_dead(few) == [
        f"{POINT}: has 257 of 512 features dead since its training, expected at most half of them"
    ]


def test_the_load_gate_refuses_it_by_name() -> None:
    dead = {POINT: replace(STUDY.saes[POINT], dead=500)}
    with pytest.raises(UsageError, match=rf"SAE organism at {POINT}.*500 of 512 features dead.*massive activations"):
        check_fit(STUDY.lm, dead, STUDY.prompts, override=False)
    assert check_fit(STUDY.lm, dead, STUDY.prompts, override=True)
    assert check_fit(STUDY.lm, dead, STUDY.prompts, override=False, max_fvu=MAX_FVU_FROZEN) == ()
