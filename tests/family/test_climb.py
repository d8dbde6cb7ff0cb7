import pytest
from stand_ins import MEMBER, TINY, StandInScores, convolutions

from tfnas.family.climb import climbed
from tfnas.family.repair import single_changes
from tfnas.spaces.architecture import Architecture

POOLS = Architecture(TINY, (0, 0, 0, 0))
EVERYTHING = Architecture(TINY, (2, 2, 2, 2))


def always(member):
    return True


def climb(start=POOLS, keeps=always, passes=always, few=convolutions, fully=None):
    return climbed(start, keeps, passes, StandInScores(few, fully))


def test_single_changes_are_taken_while_they_score_better():
    assert climb() == EVERYTHING


@pytest.mark.parametrize("which", ["keeps", "passes"])
def test_no_step_breaks_a_limit(which):
    found = climb(**{which: lambda member: convolutions(member) <= 1 / 2})

    assert convolutions(found) == 1 / 2


def test_what_scores_the_same_is_left_as_it_is():
    assert climb(MEMBER, few=lambda member: 0.5) == MEMBER


def test_all_images_have_the_last_word_on_what_few_of_them_put_first():
    # few images like convolutions, all of them do not
    assert climb(fully=lambda member: -convolutions(member)) == POOLS


def test_only_the_best_by_few_images_are_looked_at_on_all(monkeypatch):
    monkeypatch.setattr("tfnas.family.climb._COMPARED", 2)
    changes = single_changes(POOLS)
    scores = StandInScores(changes.index, lambda member: 0.5)

    climbed(POOLS, always, always, scores)

    assert {*scores.looked_at} == {POOLS, *changes[-2:]}
    assert len(scores.looked_at) == 3
