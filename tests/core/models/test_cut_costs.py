from itertools import pairwise

import keras
import numpy as np
import pytest

from splitfed_core.models import build_model
from splitfed_core.models.cut_costs import cuts


def test_costs_of_the_notebooks_cut_by_hand() -> None:
    found = {cut.layer: cut for cut in cuts(build_model("notebook_cnn", (8, 8, 1), 10, seed=0))}
    conv = 6 * 6 * 32 * (2 * 9 + 1)  # multiply, add and bias
    pool = 3 * 3 * 32 * 4
    dense = [2 * rows * columns + columns for rows, columns in ((288, 64), (64, 64), (64, 128), (128, 64), (64, 10))]
    cut = found["dense1"]
    assert (cut.client_parameters, cut.server_parameters) == (320 + 288 * 64 + 64, 40_202 - 18_816)
    assert (cut.client_flops, cut.server_flops) == (conv + pool + dense[0], sum(dense[1:]))
    assert (cut.shape, cut.smashed_bytes, cut.crossing, cut.problem) == ((64,), 256, ("dense1",), None)


def test_every_place_but_those_inside_a_block_of_resnet20_is_a_cut() -> None:
    found = cuts(build_model("resnet20", (8, 8, 1), 10, seed=0))
    valid = {cut.layer for cut in found if cut.problem is None}
    ends = {f"stage{s}_block{b}_{end}" for s in (1, 2, 3) for b in (1, 2, 3) for end in ("add", "relu2")}
    assert valid == {"stem", "stem_bn", "stem_relu", "pool", "logits"} | ends
    inside = next(cut for cut in found if cut.layer == "stage1_block1_conv1")
    assert inside.crossing == ("stem_relu", "stage1_block1_conv1")


@pytest.mark.parametrize(("name", "valid", "places"), [("keras:MobileNetV2", 75, 155)])
def test_cuts_of_a_large_network(name: str, valid: int, places: int) -> None:
    found = cuts(build_model(name, (32, 32, 3), 10, seed=0))
    assert (sum(cut.problem is None for cut in found), len(found)) == (valid, places)
    assert all(before.client_flops <= after.client_flops for before, after in pairwise(found))
    assert {cut.client_flops + cut.server_flops for cut in found} == {found[-1].client_flops}


def test_half_precision_halves_the_smashed_data() -> None:
    x = keras.Input((6,))
    half = keras.layers.Dense(4, dtype="float16", name="half")(x)
    model = keras.Model(x, keras.layers.Dense(2, name="end")(half))
    assert [cut.smashed_bytes for cut in cuts(model)] == [8, 8]
    assert np.dtype(model.outputs[0].dtype) == np.float32
