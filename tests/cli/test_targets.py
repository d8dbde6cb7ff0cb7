import json

from commands import succeed


def test_targets_say_what_is_missing(inside):
    facts = {fact["address"]: fact for fact in json.loads(succeed("targets", "--json"))}

    assert facts["cpu"]["usable"]
    assert "Options: --threads, --system-config" in succeed("targets", "ethos-u55-128")
