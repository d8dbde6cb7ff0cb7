"""Devices a model can be compiled for and timed on.

To add one: write `tfnas/targets/NAME.py` with a class that fits `Target`, and add a
line to `TARGETS`; or name the class in the entry-point group `tfnas.targets` of another
package; or type `--target package.module:Class`. Nothing else names a device.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tfnas.errors import TargetError
from tfnas.support.plugins import from_module, known, names_module, resolve
from tfnas.targets.target import Target
from tfnas.tflite.traits import Traits

GROUP = "tfnas.targets"
_ETHOS_U = "tfnas.targets.ethos_u:EthosU"
# Import paths, not classes: `tfnas --help` must not import a device's toolchain. A name
# that ends in `:` or `/` is the beginning of an address, such as `ssh://pi@kitchen`.
TARGETS = {
    "cpu": "tfnas.targets.cpu:Cpu",
    "edgetpu": "tfnas.targets.edgetpu.edgetpu:EdgeTpu",
    "edgetpu@ssh://": "tfnas.targets.edgetpu.edgetpu:EdgeTpuBoard",
    "edgetpu-estimate": "tfnas.targets.edgetpu.estimate:EdgeTpuEstimate",
    "adb:": "tfnas.targets.adb:Adb",
    "ssh://": "tfnas.targets.ssh:Ssh",
    **{
        f"ethos-{core}": _ETHOS_U
        for core in (
            *("u55-32", "u55-64", "u55-128", "u55-256", "u65-256", "u65-512"),
            *("u85-128", "u85-256", "u85-512", "u85-1024", "u85-2048"),
        )
    },
}


def targets() -> list[str]:
    """Names of all targets; those of other packages come last.

    Raises:
        TargetError: If another package takes a name that is taken.
    """
    return known(TARGETS, GROUP, TargetError)


def target_class(address: str, *, typed: bool = False) -> Any:
    """The class for an address.

    Args:
        address: A name of `targets`, with what follows where that is a beginning.
        typed: Whether the user typed it, so that it may be `package.module:Class`;
            never for an address out of a table or a card.

    Raises:
        TargetError: If no target has such an address, or what has is no target.
    """
    name = _name(address)
    if not name and typed and names_module(address):
        cls = from_module(address, TargetError)
    else:
        cls = resolve(name or address, TARGETS, GROUP, TargetError)
    if not isinstance(getattr(cls, "traits", None), Traits):
        raise TargetError(f"{address} is no target: its class has no `traits`")
    return cls


def _name(address: str) -> str:
    """The name that an address is, or the longest that it begins with; else empty."""
    if address in TARGETS:
        return address
    fits = [
        name
        for name in targets()
        if name == address or (name[-1] in ":/" and address.startswith(name))
    ]
    return max(fits, key=len, default="")


def get_target(
    address: str,
    *,
    threads: int = 1,
    options: Mapping[str, str] | None = None,
    typed: bool = False,
) -> Target:
    """Make a target ready for use.

    Args:
        address: As for `target_class`.
        threads: CPU threads an inference may use.
        options: What the target's class takes beside.
        typed: As for `target_class`.

    Raises:
        TargetError: If the target is unknown, not there, or takes no such option.
    """
    cls, given = target_class(address, typed=typed), dict(options or {})
    taken = cls.traits.options
    if strange := [name for name in given if name not in taken]:
        takes = ", ".join(map(flag, taken)) or "none"
        raise TargetError(
            f"Target {address} has no option {flag(strange[0])}. Its options: {takes}"
        )
    if lacks := cls.missing(address):
        raise TargetError(f"Target {address} is not usable here: {'; '.join(lacks)}")
    target: Target = cls(address, threads=threads, **given)
    return target


def same_target(
    address: str, device: Mapping[str, str], reach: Mapping[str, str]
) -> Target:
    """The target that a table or a card was made on; their word imports no module.

    Args:
        address: Its address.
        device: The facts that the table holds.
        reach: How it was reached then.

    Raises:
        TargetError: If it is not there, or is another device or runtime by now.
    """
    known = {**device, **reach}
    taken = target_class(address).traits.options
    options = {name: known[name] for name in taken if name in known}
    target = get_target(address, threads=int(device["threads"]), options=options)
    for fact in sorted({*device, *target.device}):
        then, now = device.get(fact), target.device.get(fact)
        if then != now:
            raise TargetError(
                f"the table comes from another device or runtime ({fact}: {then}, "
                f"here {now})"
            )
    return target


@dataclass(frozen=True, slots=True)
class About:
    """What `tfnas targets` says of one target.

    Attributes:
        address: Its address, or what its addresses begin with.
        about: One line.
        lacks: What is missing before it can be used, with where to get it.
        options: Options of `tfnas profile` that it takes.
    """

    address: str
    about: str
    lacks: tuple[str, ...]
    options: tuple[str, ...]

    @property
    def usable(self) -> bool:
        """Whether nothing is missing, as far as can be seen without the device."""
        return not self.lacks

    @property
    def details(self) -> list[str]:
        """More lines, for a look at this target alone."""
        begins = self.address[-1] in ":/"
        return [
            *([f"Write the device behind it: {self.address}..."] if begins else []),
            f"Options: {', '.join(map(flag, ('threads', *self.options)))}",
        ]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return {**asdict(self), "usable": self.usable}


def describe(address: str) -> About:
    """What can be said of a target that the user names, without using it.

    Raises:
        TargetError: If there is no such target.
    """
    cls = target_class(address, typed=True)
    lacks = tuple(cls.missing(address))
    return About(address, cls.traits.about, lacks, cls.traits.options)


def flag(option: str) -> str:
    """An option as it is written on the command line."""
    return "--" + option.replace("_", "-")
