import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from stand_ins import TINY, stand_in_table

from tfnas.cli.texts import table_text
from tfnas.errors import RefusedError
from tfnas.latency.probes import site_model
from tfnas.spaces.site import Site
from tfnas.targets.edgetpu import estimate as module
from tfnas.targets.registry import get_target

ROOT = Path(__file__).parents[3]
MEASURED = ROOT.parent / "shared" / "data" / "nb201_edgetpu_1999.csv"


def test_an_op_costs_by_its_output_elements():
    ms = module.op_ms("CONV_2D", [[1, 8, 8, 4], [10, 3, 3, 4], [10], [1, 8, 8, 10]])

    assert ms == pytest.approx(1.274 * 640 / 1e6)


def test_more_channels_than_a_tile_has_take_several_passes():
    shapes = [[1, 8, 8, 65], [10, 1, 1, 65], [10], [1, 8, 8, 10]]

    assert module.op_ms("CONV_2D", shapes) == pytest.approx(2 * 0.480 * 640 / 1e6)


def test_an_op_without_a_formula_is_refused():
    with pytest.raises(RefusedError, match="no formula for SOFTMAX"):
        module.op_ms("SOFTMAX", [[1, 10], [1, 10]])


@pytest.mark.parametrize(
    ("site", "message"),
    [
        (Site("conv_3x3", 33, 8, 4, 4), "maps of up to 32x32 pixels .* nothing of 33"),
        (Site("sep_3x3", 8, 8, 65, 16), "no depthwise convolution of 65"),
    ],
)
def test_what_it_was_not_fitted_on_is_refused(site, message):
    with pytest.raises(RefusedError, match=message):
        module.estimated_ms(site_model(site))
    fitted = replace(site, height=8, in_channels=64)
    assert module.estimated_ms(site_model(fitted)) > module.OVERHEAD_MS


def estimated(op):
    device = get_target("edgetpu-estimate")
    (timed,) = device.measure([site_model(Site(op, 16, 16, 32, 32))], 1, 1)
    return timed.median_ms - module.OVERHEAD_MS


def test_a_pool_costs_more_than_a_convolution_as_it_does_on_the_chip():
    assert estimated("avg_pool_3x3") > estimated("conv_3x3") > estimated("conv_1x1")


def test_a_table_holds_the_ops_without_the_cost_of_a_call():
    assert get_target("edgetpu-estimate").traits.call_ms == module.OVERHEAD_MS


def test_every_table_states_the_error():
    device = get_target("edgetpu-estimate").device
    table = stand_in_table(TINY, kind="analytic", device=device)

    assert "These are estimates: median 1.8 %, Spearman 0.992" in table_text(table)


@pytest.mark.skipif(not MEASURED.exists(), reason="no ../shared/data here")
def test_the_shipped_formula_has_the_error_it_states(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    from click.testing import CliRunner
    from fit_edgetpu import main

    said = CliRunner().invoke(main, [str(MEASURED)]).output
    sys.modules.pop("fit_edgetpu")

    shipped = said.splitlines()[1]
    assert shipped.startswith("shipped: ")
    error, rank = re.findall(r"median error ([\d.]+)%, Spearman ([\d.]+)", shipped)[0]
    assert f"median {error} %, Spearman {rank}, on 870 " in module.ERROR
