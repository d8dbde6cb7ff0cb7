import random
from importlib.metadata import PackageNotFoundError

import pytest

from tfnas.errors import TargetError
from tfnas.latency.probes import network_model, site_model
from tfnas.spaces.architecture import random_architecture, skeleton
from tfnas.spaces.cell import CellSpace
from tfnas.spaces.ops import find_op
from tfnas.spaces.site import SUM, Site
from tfnas.targets import ethos_u as module
from tfnas.targets.measurement import UNUSABLE
from tfnas.targets.registry import get_target

pytest.importorskip("ethosu", reason="vela is an optional extra: tfnas[ethos-u]")

FACTS = {"inference_time": "0.00022", "sram_memory_used": "60.75"}
SAID = "\nCPU operators = {} (0.0%)\nNPU operators = 9 (100.0%)\n"


def test_an_estimate_is_read_from_what_vela_writes():
    found = module.estimate(SAID.format(0), FACTS)

    assert found.runs_ms == (pytest.approx(0.22),)
    assert found.arena_bytes == 62208
    assert found.flags == ()


def test_a_model_with_operators_on_the_cpu_is_unusable_not_free():
    assert module.estimate(SAID.format(2), FACTS).flags == (UNUSABLE,)


@pytest.mark.parametrize(
    ("said", "facts", "message"),
    [
        (SAID.format(0), {"inference_time": "1"}, "has no 'sram_memory_used'"),
        ("", FACTS, "does not say which operators stay on the CPU"),
    ],
)
def test_the_output_of_an_unknown_vela_is_refused(said, facts, message):
    with pytest.raises(TargetError, match=message):
        module.estimate(said, facts)


@pytest.mark.parametrize(
    ("address", "options", "message"),
    [
        (
            "ethos-u55-128",
            {"system_config": "Ethos_U85_SYS_DRAM_Mid"},
            "is no system of an Ethos-U55. Known: Ethos_U55_Deep_Embedded, ",
        ),
        (
            "ethos-u55-128",
            {"memory_mode": "Dedicated_Sram"},
            "does not go with Ethos_U55_High_End_Embedded. Did you mean 'Shared_Sram'",
        ),
        (
            "ethos-u85-256",
            {"system_config": "Ethos_U85_SYS_Flash_Low"},
            "'Dedicated_Sram_384KB' does not go with Ethos_U85_SYS_Flash_Low",
        ),
        ("ethos-u55-128", {"taskset": "f0"}, "has no option --taskset. Its options: "),
    ],
)
def test_a_system_that_is_not_the_accelerators_is_refused(address, options, message):
    with pytest.raises(TargetError, match=message):
        get_target(address, options=options)


def test_threads_make_no_sense_on_an_npu():
    with pytest.raises(TargetError, match="leave --threads at 1"):
        get_target("ethos-u55-128", threads=2)


def test_without_vela_it_is_one_line_that_says_where_to_get_it(monkeypatch):
    def not_there(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(module, "version", not_there)

    with pytest.raises(TargetError, match=r"pip install 'tfnas\[ethos-u\]'"):
        get_target("ethos-u55-128")


def test_what_vela_refuses_is_its_own_reason():
    with pytest.raises(TargetError, match="failed with code 1"):
        get_target("ethos-u55-128").compile(b"no flatbuffer")


@pytest.fixture(scope="module")
def u55():
    return get_target("ethos-u55-128")


def estimated_cycles(device, flatbuffer):
    (timed,) = device.measure([device.compile(flatbuffer)], runs=1, warmup=1)
    return round(timed.median_ms * 500_000)  # at 500 MHz


@pytest.mark.parametrize(
    ("site", "cycles"),
    [
        (Site("sep_conv_3x3", 28, 28, 16, 16), 36_024),
        (Site("max_pool_3x3", 28, 28, 16, 16), 29_569),
        (Site("conv_1x1", 14, 14, 32, 32), 5_072),
    ],
    ids=str,
)
def test_vela_5_2_gives_these_cycles(u55, site, cycles):
    assert estimated_cycles(u55, site_model(site)) == cycles


def test_entries_add_up_on_an_accelerator_without_dram(u55):
    space = CellSpace(nodes=2)
    member, bare = random_architecture(space, random.Random(0)), skeleton(space)
    ran = {*member.entries, *bare.entries}
    sites = [one for one in ran if one.op == SUM or not find_op(one.op).is_free(one)]
    entries = {site: estimated_cycles(u55, site_model(site)) for site in sites}

    def total(network):
        return sum(entries.get(site, 0) for site in network.entries)

    plumbing = estimated_cycles(u55, network_model(bare)) - total(bare)
    whole = estimated_cycles(u55, network_model(member))

    assert plumbing + total(member) == pytest.approx(whole, rel=0.04)


@pytest.mark.parametrize(
    ("address", "mode", "repeats"),
    [
        ("ethos-u55-128", "Shared_Sram", (1,)),
        ("ethos-u65-256", "Sram_Only", (1,)),
        ("ethos-u65-256", "Dedicated_Sram", (1, 2, 4, 8)),
        ("ethos-u85-256", None, (1, 2, 4, 8)),
    ],
)
def test_ops_are_repeated_where_one_alone_would_pay_for_dram(address, mode, repeats):
    options = {"memory_mode": mode} if mode else {}

    assert get_target(address, options=options).traits.repeats == repeats
