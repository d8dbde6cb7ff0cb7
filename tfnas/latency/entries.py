"""The rows of a table: which models tell what each site costs, and how."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from tfnas.latency.probes import site_model, step
from tfnas.latency.row import Row, row_of, slope
from tfnas.spaces.architecture import skeleton
from tfnas.spaces.ops import find_op
from tfnas.spaces.site import SUM, Site
from tfnas.spaces.space import Space
from tfnas.targets import Measurement, Target

_CALL = "call"


def sites_of(space: Space) -> list[Site]:
    """What a profile of a space measures: its entries and those of its skeleton."""
    return sorted({*space.all_sites, *skeleton(space).entries})


def site_makers(
    sites: Iterable[Site], device: Target
) -> dict[str, Callable[[], bytes]]:
    """What makes the models that tell the times of sites, each by a name.

    They hold a site once, or several times where the device's traits say so; and one
    number's sum, whose time is that of a call, where the device does not know it.
    """
    makers: dict[str, Callable[[], bytes]] = {
        _item(site, times): partial(site_model, site, times)
        for site in _timed(sites, device)
        for times in device.traits.repeats
    }
    if device.traits.call_ms is None:
        makers[_CALL] = partial(site_model, Site(SUM, 1, 1, 1, 1))
    return makers


def rows_of(
    sites: Iterable[Site], device: Target, timed: Mapping[str, Measurement]
) -> dict[Site, Row]:
    """Rows of sites: what one op takes, or what each further one adds.

    Args:
        sites: Those that `site_makers` was given.
        device: Where.
        timed: What was measured, by the names of the makers.
    """
    traits = device.traits
    found = {
        site: slope({times: timed[_item(site, times)] for times in traits.repeats})
        for site in _timed(sites, device)
    }
    beside = {
        site: sum(found[one].median_ms for one in _beside(site, device))
        for site in found
    }
    call_ms = timed[_CALL].median_ms if traits.call_ms is None else traits.call_ms
    return {
        site: row_of(found.get(site), call_ms + beside.get(site, 0.0)) for site in sites
    }


def _item(site: Site, times: int) -> str:
    return str(site) if times == 1 else f"{site} x{times}"


def _timed(sites: Iterable[Site], device: Target) -> list[Site]:
    """The sites that have to be timed, those beside repeated ones last."""
    timed = [site for site in sites if not _is_free(site)]
    beside = {one for site in timed for one in _beside(site, device)}
    return [*timed, *sorted(beside - {*timed})]


def _is_free(site: Site) -> bool:
    return site.op != SUM and find_op(site.op).is_free(site)


def _beside(site: Site, device: Target) -> tuple[Site, ...]:
    """What each further copy of an op adds to a model beside the op.

    Where it changes its input's shape, copies cannot stand in a row: then a step makes
    the next one's input, and what they put out is added up.
    """
    if site.keeps_shape or device.traits.repeats == (1,):
        return ()
    return step(site), site.slot.sum_after()
