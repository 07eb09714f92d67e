"""Who said what, by the words beside a name."""

from assistant.scoring.faithfulness.roles import hear, named_in, role_features
from assistant.scoring.heads import COLUMNS, columns_of, load_head

_TALK = "Maya: Can you bring the blue ladder on Friday?\nTom: Yes, my brother owns a van.\nMaya: Great."


def test_a_name_is_measured_against_its_own_turns() -> None:
    found = role_features("Maya needs a ladder.", _TALK)
    # Of "needs a ladder" only "ladder" was said, by Maya alone: 1 for her less 0 for Tom, and she spoke first.
    assert found["needs>|own"] == 1.0
    assert found["needs>|opens"] == 1.0
    assert role_features("Tom needs a ladder.", _TALK)["needs>|own"] == -1.0


def test_another_name_is_only_a_name_among_the_keys() -> None:
    assert "<asks|own" in role_features("Maya asks Tom for a ladder.", _TALK)
    assert "asks>|own" in role_features("Maya asks Tom for a ladder.", _TALK)
    assert "@>|own" in role_features("Maya Tom", _TALK)


def test_one_speaker_alone_has_no_role() -> None:
    assert not role_features("Maya needs a ladder.", "Maya: I need a ladder.")
    assert named_in("Tom's van", hear(_TALK).speakers) == {"Tom"}


def test_the_bundled_reward_prefers_who_really_said_it() -> None:
    reward = load_head("warm")
    talk = (
        "#Person1#: Could you lend me 20 dollars? I forgot my wallet.\n#Person2#: Sure, here you are.\n"
        "#Person1#: Thank you. I'll pay you back tomorrow."
    )
    texts = (
        "#Person1# borrows 20 dollars from #Person2# and will pay back tomorrow.",
        "#Person1# borrows 90 dollars from #Person2# and will pay back tomorrow.",
        "#Person1# borrows 20 dollars from Henrietta and will pay back tomorrow.",
        "Two people are having a conversation.",
    )
    scores = reward.score([(talk, text) for text in texts])
    assert scores[0] == max(scores) and scores[1] < scores[0] and scores[2] < scores[0] and scores[3] < scores[0]
    assert columns_of(reward.roles, [(talk, "")]).shape == (1, len(COLUMNS))


def test_who_spoke_first_is_told_of_every_mention() -> None:
    talk = "Maya: Can you bring the ladder?\nTom: Sure.\nMaya: Thank you!"
    assert role_features("Maya asks.", talk)["any|opens"] == 1.0
    assert role_features("Tom agrees.", talk)["any|opens"] == -1.0
    # One who did and one who didn't.
    assert role_features("Maya asks Tom.", talk)["any|opens"] == 0.0
