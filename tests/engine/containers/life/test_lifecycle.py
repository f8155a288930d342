"""The table of a container's life, over its whole product."""

from __future__ import annotations

import itertools

import pytest

from engine.containers.life.lifecycle import ACTIVE, ALIVE, TRANSITIONS, Status, Verb, advance, refusal
from engine.errors import Conflict

S, V = Status, Verb

EXPECTED = """
              start     pause   unpause  exit    back off    remove    fail
  created     running   -       -        -       -           removing  -
  running     -         paused  -        exited  restarting  -         -
  paused      -         -       running  exited  restarting  -         -
  restarting  running   -       -        exited  -           -         -
  exited      running   -       -        -       -           removing  -
  removing    -         -       -        -       -           -         dead
  dead        -         -       -        -       -           removing  -
"""


def expected() -> dict[tuple[Status, Verb], str]:
    rows = [line.split() for line in EXPECTED.strip().splitlines()]
    verbs = [V(name) for name in ("start", "pause", "unpause", "exit", "back off", "remove", "fail")]
    return {(S(row[0]), verb): cell for row in rows[1:] for verb, cell in zip(verbs, row[1:], strict=True)}


@pytest.mark.parametrize(("status", "verb"), list(itertools.product(Status, Verb)))
def test_every_status_and_verb_has_the_outcome_of_the_table(status: Status, verb: Verb) -> None:
    wanted = expected()[status, verb]
    if wanted == "-":
        with pytest.raises(Conflict) as caught:
            advance(status, verb)
        assert caught.value.message
    else:
        assert advance(status, verb) == wanted


def test_every_status_can_be_reached_and_left() -> None:
    assert set(TRANSITIONS.values()) | {S.CREATED} == set(Status)
    assert {before for before, _ in TRANSITIONS} == set(Status)


def test_what_is_alive_is_active() -> None:
    assert ALIVE < ACTIVE


def test_refusals_are_in_dockers_words() -> None:
    assert refusal(S.PAUSED, V.START) == "cannot start a paused container, try unpause instead"
    assert refusal(S.RUNNING, V.REMOVE) == ("container is running: stop the container before removing or force remove")
    assert refusal(S.EXITED, V.PAUSE) == "is not running"
