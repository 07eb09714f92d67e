"""Other names and exchanged speakers."""

import random
import re

from training.runs.data.augmentation import (
    begin_late,
    first_names,
    join,
    name_speakers,
    rename_people,
    swap_speakers,
    write_as_chat,
)

DIALOGUE = "#Person1#: Hi, #Person2#. Is Mary in?\n#Person2#: No, #Person1#."
SUMMARY = "#Person1# asks #Person2# for Mary. #Person12# is not #Person1#."


def test_a_tag_becomes_the_same_name_in_dialogue_and_summary() -> None:
    dialogue, summary = name_speakers(DIALOGUE, SUMMARY, random.Random(1))
    match = re.match(r"(\w+): Hi, (\w+)\. Is Mary in\?\n(\w+): No, (\w+)\.$", dialogue)
    assert match is not None
    first, second, second_again, first_again = match.groups()
    assert (first, second) == (first_again, second_again)
    assert summary.startswith(f"{first} asks {second} for Mary.")
    assert "#" not in dialogue + summary
    assert {first, second} <= set(first_names())


def test_nobody_gets_a_name_that_somebody_has() -> None:
    names = first_names()
    taken = " ".join(names[:-2])
    dialogue, _ = name_speakers(f"#Person1#: {taken}\n#Person2#: Oh.", "", random.Random(1))
    given = {line.partition(":")[0] for line in dialogue.splitlines()}
    assert given == set(names[-2:])


def test_a_made_up_name_is_on_no_list() -> None:
    dialogue, summary = name_speakers(DIALOGUE, SUMMARY, random.Random(1), made_up=1.0)
    first, second = (line.partition(":")[0] for line in dialogue.splitlines())
    assert not {first, second} & set(first_names())
    assert summary.startswith(f"{first} asks {second} for Mary.")


def test_people_who_are_spoken_of_get_other_names_and_tags_stay() -> None:
    dialogue, summary = rename_people(DIALOGUE, SUMMARY, random.Random(1))
    match = re.match(r"#Person1#: Hi, #Person2#\. Is (\w+) in\?\n#Person2#: No, #Person1#\.$", dialogue)
    assert match is not None
    assert match[1] in set(first_names()) - {"Mary"}
    assert summary == SUMMARY.replace("Mary", match[1])


def test_a_chat_keeps_its_speakers_and_turns_and_types_as_on_a_phone() -> None:
    dialogue = "\n".join(
        f"Ann: Please call me because I am going to leave. {n}.\nTom: You are late." for n in range(20)
    )
    typed = write_as_chat(dialogue, random.Random(1))
    assert [turn.partition(": ")[0] for turn in typed.split("\n")] == ["Ann", "Tom"] * 20
    # Each form is shortened in three turns of ten: none in twenty has a chance of 0.7 ** 20, below one in a thousand.
    assert "gonna" in typed and "cause" in typed and "you r late" in typed
    assert "because" in typed
    assert write_as_chat(dialogue, random.Random(1)) == typed


def test_naming_follows_the_seed() -> None:
    assert name_speakers(DIALOGUE, SUMMARY, random.Random(1)) == name_speakers(DIALOGUE, SUMMARY, random.Random(1))
    assert name_speakers(DIALOGUE, SUMMARY, random.Random(1)) != name_speakers(DIALOGUE, SUMMARY, random.Random(2))


def test_swapping_exchanges_the_first_two_and_leaves_others_alone() -> None:
    dialogue, summary = swap_speakers(DIALOGUE, SUMMARY)
    assert dialogue == "#Person2#: Hi, #Person1#. Is Mary in?\n#Person1#: No, #Person2#."
    assert summary == "#Person2# asks #Person1# for Mary. #Person12# is not #Person2#."


def test_swapping_twice_changes_nothing() -> None:
    assert swap_speakers(*swap_speakers(DIALOGUE, SUMMARY)) == (DIALOGUE, SUMMARY)


def test_a_text_without_tags_stays_as_it_is() -> None:
    assert name_speakers("Ann: Hi", "Ann greets.", random.Random(1)) == ("Ann: Hi", "Ann greets.")


def test_a_dialogue_that_begins_late_has_its_speakers_numbered_anew() -> None:
    turns = ["#Person1#: Hi.", "#Person2#: Hello, #Person1#.", "#Person1#: A tea.", "#Person2#: Here."]
    dialogue, summary = begin_late("\n".join(turns), "#Person1# orders a tea from #Person2#.")
    assert dialogue == "#Person1#: Hello, #Person2#.\n#Person2#: A tea.\n#Person1#: Here."
    assert summary == "#Person2# orders a tea from #Person1#."
    turns[1] = "#Person1#: Well."
    assert begin_late("\n".join(turns), "x #Person1#") == ("\n".join(turns[1:]), "x #Person1#")


def test_three_turns_are_too_few_to_leave_one_out() -> None:
    short = "#Person1#: Hi.\n#Person2#: Hi.\n#Person1#: Bye."
    assert begin_late(short, "#Person1# goes.") == (short, "#Person1# goes.")


ONE = ("#Person1#: Hi, #Person2#.\n#Person2#: Hello.", "#Person1# greets #Person2#.")
OTHER = ("#Person1#: Tea?\n#Person2#: Please, #Person1#.", "#Person1# offers #Person2# tea.")


def test_a_talk_in_a_group_is_two_talks_in_which_at_most_one_person_is_the_same() -> None:
    drawn = {join(ONE, OTHER, 9, random.Random(seed)) for seed in range(20)}
    new = f"{ONE[0]}\n#Person3#: Tea?\n#Person4#: Please, #Person3#.", f"{ONE[1]} #Person3# offers #Person4# tea."
    same = f"{ONE[0]}\n#Person1#: Tea?\n#Person3#: Please, #Person1#.", f"{ONE[1]} #Person1# offers #Person3# tea."
    assert drawn == {new, same}


def test_people_beyond_the_tags_have_names_that_nobody_has() -> None:
    names = set()
    for seed in range(60):
        dialogue, summary = join(ONE, (f"{OTHER[0]} Mia.", OTHER[1]), 3, random.Random(seed))
        match = re.fullmatch(r"#Person3# offers (\w+) tea\.", summary.removeprefix(f"{ONE[1]} "))
        if match:  # the others share a speaker, and need three tags
            names.add(match[1])
            assert dialogue.splitlines()[2:] == ["#Person3#: Tea?", f"{match[1]}: Please, #Person3#. Mia."]
    assert len(names) > 10
    assert names <= set(first_names()) - {"Mia"}
