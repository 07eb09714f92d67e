"""What each conversation of a run is for: none serves two purposes that must not meet."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from assistant.errors import UsageError
from assistant.records import Label, PreferencePair
from training.evaluation.gate_set import conversations, practice, provoking, provoking_practice
from training.rlhf.config import RlhfConfig
from training.rlhf.data_split import DataOverlap, DataSplit, Question, read_split, split_of, write_split
from training.rlhf.ratings import Part, Rated, prompt_of
from training.runs.data.conversations import conversation_key

CONFIG = RlhfConfig(judge_prompts=72)
OWN = [(f"Ann: Where is room {n}?\nBen: Upstairs.", f"Room {n} is upstairs." if n < 8 else "") for n in range(10)]
TOPIC = {prompt_of(text.dialogue): text.cluster for text in practice()}


def asked_before(number: int) -> str:
    return f"Cem: Is train {number} late?\nDee: Yes."


def a_pair(prompt: str) -> PreferencePair:
    ids = {"chosen_id": "a", "rejected_id": "b", "raters": ("r",), "sources": ("s",)}
    return PreferencePair(prompt=prompt, chosen="A.", rejected="B.", weight=1.0, **ids)  # type: ignore[arg-type]


def rated(count: int = 0, unrated: int = 0, *dialogues: str) -> Rated:
    """`count` rated conversations, by turns for reward, judge and proof, as the dialogues are; and unrated ones."""
    parts: dict[Part, list[PreferencePair]] = {"reward": [], "judge": [], "dev": []}
    for n, dialogue in enumerate([*(f"Eve: Is bus {n} full?\nFay: No." for n in range(count)), *dialogues]):
        part: Part = ("reward", "judge", "dev")[n % 3]
        parts[part].append(a_pair(prompt_of(dialogue)))
    return Rated(parts=parts, unrated=[prompt_of(asked_before(n)) for n in range(unrated)])


def empty(**purposes: object) -> DataSplit:
    blank: dict[str, object] = {name: [] for name in ("reward", "judge", "proof", "ppo", "judged", "gate", "provoking")}
    return DataSplit(**{**blank, "teach": {}, "choose": {}, **purposes})  # type: ignore[arg-type]


def keys(prompts: object) -> set[str]:
    return {conversation_key(one.prompt if isinstance(one, Question) else one) for one in prompts}  # type: ignore[attr-defined]


def test_every_purpose_gets_its_own() -> None:
    split = split_of(rated(9, 10), OWN, CONFIG)
    assert [len(part) for part in (split.reward, split.judge, split.proof)] == [3, 3, 3]
    # PPO practises on the three of the reward, five of the unrated and two provoking ones; the gate has the other five.
    unrated = [prompt_of(asked_before(n)) for n in range(10)]
    assert split.ppo[:8] == [*split.reward, *unrated[::2]]
    templates = {prompt_of(text.dialogue) for text in provoking_practice()}
    assert (len(split.ppo), set(split.ppo[8:]) <= templates) == (10, True)
    assert [question.prompt for question in split.gate if question.cluster.startswith("user-")] == unrated[1::2]
    # Of eight with a summary three are asked about, as are the two without; of the other five two teach, three choose.
    own = {prompt_of(dialogue): summary for dialogue, summary in OWN}
    assert [question.reference for question in split.gate[:5]] == [
        *("Room 0 is upstairs.", "Room 3 is upstairs.", "Room 6 is upstairs.", "", "")
    ]
    assert [sum(prompt in own for prompt in part) for part in (split.teach, split.choose)] == [2, 3]
    assert all(own.get(prompt, summary) == summary for prompt, summary in split.choose.items())
    assert split.judged == [*split.proof, *split.choose]
    # Then comes every text of the gate's own.
    assert [question.cluster for question in split.gate[10:]] == [text.cluster for text in conversations()]
    assert len({question.cluster for question in split.provoking}) == 500


def test_a_conversation_listed_twice_serves_one_purpose() -> None:
    # Each a second time with another summary, and a third time in other white space and case, without one.
    again = [(dialogue, f"Somebody asks for room {n}.") for n, (dialogue, _) in enumerate(OWN)]
    spaced = [(dialogue.replace(": ", ":  ").upper() + "\n\n", "") for dialogue, _ in OWN]
    split = split_of(rated(), [*OWN, *again, *spaced], CONFIG)
    mine = keys(dialogue for dialogue, _ in OWN)
    found = [keys(part) & mine for part in (split.teach, split.choose, split.gate)]
    assert sum(map(len, found)) == len(set().union(*found)) == 10
    # All ten have a summary then, from the second list two of them: four are the gate's, of the other six half teach.
    assert [len(part) for part in found] == [3, 3, 4]
    references = {question.prompt: question.reference for question in split.gate}
    assert references[prompt_of(OWN[9][0])] == "Somebody asks for room 9."


def test_what_was_rated_and_what_ppo_practises_on_is_never_asked() -> None:
    # Rated: one of the user's own, a text of the gate, one for practice, and an unrated one that was asked otherwise.
    known = [OWN[0][0], OWN[1][0], conversations()[0].dialogue, practice()[0].dialogue, provoking()[0].dialogue]
    found = rated(0, 4, *known, asked_before(0))
    # Another spelling of an unrated one, and one of the user's own, stand among the unrated.
    more = [*found.unrated, prompt_of(asked_before(1)).replace("train", "Train  "), prompt_of(OWN[2][0])]
    # And one of the user's own was called good by itself.
    ids = {"completion_id": "c", "rater": "r", "source": "s"}
    thumb = Label(prompt=prompt_of(OWN[9][0]), completion="Upstairs.", label=True, **ids)
    split = split_of(msgspec.structs.replace(found, unrated=more, labels=[thumb]), OWN, CONFIG)
    assert not keys(split.gate) & keys([prompt_of(OWN[9][0])])
    for part in (split.teach, split.choose, split.gate, split.provoking, split.ppo[len(found.prompts("reward")) :]):
        assert not keys(part) & keys([*known, asked_before(0)])
    # Three unrated ones are left, each once: the first and the third for PPO.
    unrated = [prompt_of(asked_before(n)) for n in (1, 2, 3)]
    assert split.ppo[len(found.prompts("reward")) :][:2] == unrated[::2]
    assert [question.prompt for question in split.gate if question.cluster.startswith("user-")] == unrated[1::2]


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (lambda one: {"ppo": [one], "gate": [Question(one.upper(), "c0")]}, "PPO's prompts and among the gate's"),
        (lambda one: {"judged": [one], "provoking": [Question(f" {one}", "c0")]}, "choose a checkpoint and among the"),
        (lambda one: {"reward": [one], "judge": [one.replace(" ", "\t")]}, "reward's ratings and among the judge's"),
        (lambda one: {"teach": {one: "Yes."}, "judged": [one]}, "PPO learns from and among the conversations that"),
        (lambda one: {"proof": [one], "ppo": [one]}, "measure reward and judge and among PPO's prompts"),
        (lambda one: {"reward": [one], "ppo": [one], "choose": {one: "Yes."}}, "and among the conversations that"),
    ],
)
def test_a_planted_overlap_is_refused_in_one_line(plant: Callable[[str], dict[str, object]], said: str) -> None:
    with pytest.raises(DataOverlap, match=said) as refused:
        empty(**plant("Ann: Where is \x1b[31mroom 1?\nBen: Upstairs."))
    assert str(refused.value).endswith('"ann: where is room 1? ben: upstairs."; start a new run')
    assert refused.value.exit_code == 1


def test_what_may_meet_is_let_through() -> None:
    one = prompt_of(OWN[0][0])
    assert empty(reward=[one], ppo=[one]).ppo == [one]
    assert empty(proof=[one], judged=[one]).judged == [one]


def test_it_is_read_as_it_was_written_and_an_overlap_planted_in_the_file_is_refused(tmp_path: Path) -> None:
    found = rated(9, 10)
    split = split_of(found, OWN, CONFIG)
    write_split(split, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "anchor.jsonl").read_text().splitlines()]
    assert {row["prompt"]: row["summary"] for row in rows} == split.teach
    # The file that the conversations came from is not looked at again.
    assert read_split(tmp_path, found, tmp_path / "gone.jsonl", CONFIG) == split
    content = json.loads((tmp_path / "split.json").read_bytes())
    content["gate"].append({"prompt": f"{split.ppo[0]}\n", "cluster": "planted"})
    (tmp_path / "split.json").write_text(json.dumps(content))
    with pytest.raises(DataOverlap, match="the reward's ratings and among the gate's questions"):
        read_split(tmp_path, found, None, CONFIG)
    (tmp_path / "split.json").write_text('{"reward": [')
    with pytest.raises(UsageError, match="cannot be read"):
        read_split(tmp_path, found, None, CONFIG)


def test_a_run_that_an_earlier_version_began_keeps_what_it_trains_on(tmp_path: Path) -> None:
    found = rated(3, 4)
    dev = tmp_path / "dev.jsonl"
    dev.write_text("".join(json.dumps({"dialogue": one, "summary": said}) + "\n" for one, said in OWN[:6]))
    # It practised on one of the user's own under two spellings, and on two unrated ones.
    own = [prompt_of(dialogue) for dialogue, _ in OWN]
    texts = {
        "teach": {own[0]: "Room 0 is upstairs."},
        "choose": {prompt_of(OWN[0][0].upper()): "Upstairs.", own[1]: "Upstairs."},
    }
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    unrated = [prompt_of(asked_before(n)) for n in range(4)]
    for name, prompts in (("practice", unrated[::2]), ("judged", texts["choose"])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps({"prompt": one}) + "\n" for one in prompts))
    split = read_split(tmp_path, found, dev, CONFIG)
    assert (split.ppo, split.choose, split.judged) == (unrated[::2], texts["choose"], [*texts["choose"]])
    # The gate asks about what is left: four of the user's own, and the other two.
    assert [question.prompt for question in split.gate[:6]] == [*own[2:6], *unrated[1::2]]
    dev.unlink()
    assert read_split(tmp_path, found, dev, CONFIG) == split


def test_topics_are_parted_whole_and_those_that_choose_come_in_turn() -> None:
    split = split_of(rated(), OWN, msgspec.structs.replace(CONFIG, judge_prompts=47))
    teach, choose = ([TOPIC[prompt] for prompt in part if prompt in TOPIC] for part in (split.teach, split.choose))
    assert not set(teach) & set(choose)
    # Beside three of the user's; and the other half of the 48 topics, with all ten of each.
    assert len(set(choose)) == len(choose) == 12
    assert len(set(teach)) == len(teach) / 10 == 24


def test_topics_teach_nothing_where_the_user_has_no_summaries() -> None:
    own = [(dialogue, "") for dialogue, _ in OWN]
    split = split_of(rated(), own, msgspec.structs.replace(CONFIG, judge_prompts=92))
    assert not split.teach
    assert len({TOPIC[prompt] for prompt in split.choose}) == 48


def test_where_nothing_is_to_teach_all_of_it_chooses() -> None:
    own = {prompt_of(dialogue) for dialogue, _ in OWN}
    wide, narrow, none = (
        split_of(rated(), OWN, RlhfConfig(judge_prompts=32 + room, anchor_weight=0)) for room in (60, 6, -8)
    )
    assert not wide.teach
    # Five of the user's, and 55 texts of all 48 topics; where room is short, half of it is for the topics.
    assert (len(wide.choose), len({TOPIC.get(prompt) for prompt in wide.choose} - {None})) == (60, 48)
    assert [sum(prompt in own for prompt in one.choose) for one in (wide, narrow, none)] == [5, 3, 0]


def test_provoking_ones_for_practice_are_of_every_template_and_of_none_that_the_gate_asks() -> None:
    templates = {prompt_of(text.dialogue): text.cluster for text in provoking_practice()}
    split = split_of(rated(0, 144), [], CONFIG)
    # 72 of the unrated, and one for every four of them.
    found = split.ppo[72:]
    assert len(found) == 18
    assert len({templates[prompt] for prompt in found}) == 3
    assert not set(templates.values()) & {text.cluster for text in provoking()}
