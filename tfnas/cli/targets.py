"""`tfnas targets`."""

import click

from tfnas.cli.options import as_json, show


@click.command()
@click.argument("name", required=False)
@as_json
def targets(name: str | None, as_json: bool) -> None:
    """List the devices that can be profiled; NAME says more about one."""
    from tfnas.targets.registry import describe
    from tfnas.targets.registry import targets as known

    facts = [describe(address) for address in ([name] if name else known())]
    width = max(len(fact.address) for fact in facts)
    lines = []
    for fact in facts:
        state = "usable" if fact.usable else "not usable here"
        lines.append(f"{fact.address:{width}}  {state:15}  {fact.about}")
        details = fact.lacks if name is None else [*fact.lacks, *fact.details]
        lines += [f"{'':{width}}  {line}" for line in details]
    show([fact.to_dict() for fact in facts], "\n".join(lines), as_json)
