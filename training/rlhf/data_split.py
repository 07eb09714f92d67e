"""What each conversation of a run is used for: training the reward or the judge, PPO prompts, checkpoint selection, or
the gate. The split is made once, when the run starts, and saved in the run's folder for the later stages.

Conversations are compared by their text; prompt, case and whitespace don't count. Making or reading a split fails if
a conversation has two purposes that must stay separate.

    split.json       the split
    practice.jsonl   PPO's prompts
    judged.jsonl     prompts for choosing a checkpoint
    anchor.jsonl     conversations with summaries, for PPO-ptx
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from assistant.errors import AssistantError, DataMissing, UsageError
from assistant.files import write_atomically
from assistant.terminal import one_line
from training.evaluation.gate_set import GateText, conversations, practice, provoking, provoking_practice
from training.rlhf.config import RlhfConfig
from training.rlhf.ratings import Rated, prompt_of
from training.runs.data.conversations import conversation_key
from training.runs.data.datasets import read_rows

SPLIT, PPO_PROMPTS, JUDGED, ANCHOR = "split.json", "practice.jsonl", "judged.jsonl", "anchor.jsonl"
_OLDER_PRACTICE = "texts.json"
_PROVOKING_SHARE = 4
"""PPO gets one provoking prompt for this many other prompts."""
_JUDGED_OF_RATED = 32
"""Rated conversations for choosing a checkpoint, at most. The other conversations for it have summaries."""
_SHOWN = 60
"""Characters of a conversation to show in a message."""

_REWARD, _PROOF, _PPO = "the reward's ratings", "the ratings that measure reward and judge", "PPO's prompts"
_CHOICE, _GATE = "the conversations that choose a checkpoint", "the gate's questions"
_MAY_MEET = {(_REWARD, _PPO), (_PROOF, _CHOICE)}

Own = Sequence[tuple[str, str]]
"""The user's held-out conversations, each with a summary or ""."""


class DataOverlap(AssistantError):
    """A conversation has two purposes that must stay separate."""


class Question(msgspec.Struct, frozen=True):
    """A prompt of the gate. Prompts of one cluster share wording; `reference` is a summary or empty."""

    prompt: str
    cluster: str
    reference: str = ""


class DataSplit(msgspec.Struct, frozen=True, kw_only=True):
    """Prompts by purpose. Creating or decoding one raises DataOverlap if a conversation has two purposes that must stay
    separate.

    `reward`, `judge` and `proof` have ratings: `reward` trains the reward and the methods that learn from pairs,
    `judge` trains the judge, and `proof` tests both. `ppo` are PPO's prompts, and `teach` maps prompts to the summaries
    of PPO-ptx. `judged` selects the checkpoint; `choose` has the summaries of those prompts that have one. The gate
    uses `gate` and `provoking`, in order, as many as fit.

    `older` marks a run that an earlier version of Parley started. Its training data stay as they were, so that only the
    gate's conversations are checked for overlap.
    """

    reward: list[str]
    judge: list[str]
    proof: list[str]
    ppo: list[str]
    teach: dict[str, str]
    choose: dict[str, str]
    judged: list[str]
    gate: list[Question]
    provoking: list[Question]
    older: bool = False

    def __post_init__(self) -> None:
        seen: dict[str, list[str]] = {}
        for purpose, prompts in self._purposes():
            for prompt in prompts:
                others = seen.setdefault(conversation_key(prompt), [])
                for other in others:
                    if self._must_not_meet(other, purpose):
                        raise DataOverlap(_overlap(other, purpose, prompt))
                if purpose not in others:
                    others.append(purpose)

    def _purposes(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield _REWARD, self.reward
        yield "the judge's ratings", self.judge
        yield _PROOF, self.proof
        yield _PPO, self.ppo
        yield "the summaries that PPO learns from", self.teach
        yield _CHOICE, [*self.judged, *self.choose]
        yield _GATE, (question.prompt for question in (*self.gate, *self.provoking))

    def _must_not_meet(self, one: str, other: str) -> bool:
        return one != other and (one, other) not in _MAY_MEET and (_GATE in (one, other) or not self.older)


def split_of(rated: Rated, own: Own, config: RlhfConfig) -> DataSplit:
    """Split all conversations of a run. `own` are the user's held-out conversations.

    Rated conversations train and test reward and judge; PPO also practises on those of the reward. Of the user's
    conversations with a summary, two thirds teach PPO and select checkpoints, and the rest go to the gate, as do those
    without a summary. Unrated conversations alternate between PPO and the gate. Parley's own texts fill up what is
    left; those that occur among the others are skipped.
    """
    reward, judge, proof = _rated_prompts(rated)
    taken = _keys([*reward, *judge, *proof])
    mine = _own_prompts(own, taken)
    taken |= _keys(prompt for prompt, _ in mine)
    unrated = _one_of_each(rated.unrated, taken)
    taken |= _keys(unrated)
    with_summary = [one for one in mine if one[1]]
    for_practice = [one for number, one in enumerate(with_summary) if number % 3]
    teach, choose = _practice(for_practice, _texts(practice(), taken), config)
    asked = [*rated.prompts("reward"), *unrated[::2]][: config.prompts]
    return DataSplit(
        reward=reward,
        judge=judge,
        proof=proof,
        ppo=[*asked, *_provoked(len(asked) // _PROVOKING_SHARE, taken)],
        teach=teach,
        choose=choose,
        judged=[*proof[:_JUDGED_OF_RATED], *choose][: config.judge_prompts],
        gate=_gate([one for one in mine if one not in for_practice], unrated[1::2], taken),
        provoking=provoking_questions(config.provoking, taken),
    )


def provoking_questions(at_most: int, without: Iterable[str] = ()) -> list[Question]:
    """Return at most `at_most` provoking conversations for the gate, spread evenly over the templates. `without` are
    keys of conversations to skip.
    """
    found = _texts(provoking(), set(without))
    step = max(1.0, len(found) / at_most) if at_most else len(found) + 1
    picked = [found[int(n * step)] for n in range(min(at_most, len(found)))]
    return [Question(prompt_of(text.dialogue), text.dialogue) for text in picked]


def write_split(split: DataSplit, folder: Path) -> None:
    """Write the split and the files that PPO reads into the run's folder."""
    _write_rows(folder / ANCHOR, [{"prompt": prompt, "summary": said} for prompt, said in split.teach.items()])
    _write_rows(folder / PPO_PROMPTS, [{"prompt": prompt} for prompt in split.ppo])
    _write_rows(folder / JUDGED, [{"prompt": prompt} for prompt in split.judged])
    write_atomically(folder / SPLIT, msgspec.json.encode(split))


def read_split(folder: Path, rated: Rated, dev: Path | None, config: RlhfConfig) -> DataSplit:
    """Read the split of a run. For a run that an earlier version started, rebuild it from that version's files and
    `dev`, and write it. Raises UsageError if the file is damaged.
    """
    place = folder / SPLIT
    if not place.exists():
        write_atomically(place, msgspec.json.encode(_older_split(folder, rated, read_own(dev), config)))
    try:
        return msgspec.json.decode(place.read_bytes(), type=DataSplit)
    except ValueError as error:
        raise UsageError(f"{place} cannot be read ({error}): start a new run") from error


def read_own(path: Path | None) -> list[tuple[str, str]]:
    """Read conversations with a reference summary, or "", from rows with "dialogue" and optionally "summary" or
    "summaries". Without a path there are none. Raises DataMissing if the file has no conversation.
    """
    if path is None:
        return []
    found = []
    for row in read_rows(path):
        references = row.get("summaries") or [row.get("summary") or ""]
        if isinstance(row.get("dialogue"), str):
            found.append((row["dialogue"], str(references[0])))
    if not found:
        raise DataMissing(f'{path} has no conversations: each line needs a text "dialogue"')
    return found


def _practice(mine: Own, texts: Sequence[GateText], config: RlhfConfig) -> tuple[dict[str, str], dict[str, str]]:
    """Return prompts with summaries that teach PPO, and those that select the checkpoint. Both mix the user's own with
    Parley's practice topics; the user's are at most half of those that select. Topics teach only next to summaries of
    the user: alone, they would teach the length of their summaries.
    """
    at_most = max(0, config.judge_prompts - _JUDGED_OF_RATED)
    topics = list(dict.fromkeys(text.cluster for text in texts))
    apart = 2 if config.anchor_weight > 0 and mine else 1
    choosing = set(topics[::apart])
    written = [(text.cluster in choosing, (prompt_of(text.dialogue), text.summary)) for text in texts]
    chosen = mine[::apart][: at_most // 2]
    choose = [*chosen, *[one for chooses, one in written if chooses][: at_most - len(chosen)]]
    taught = [*mine[1::2], *(one for chooses, one in written if not chooses)] if apart > 1 else []
    return dict(taught), dict(choose)


def _provoked(at_most: int, without: set[str]) -> list[str]:
    """Return abusive prompts for practice, spread evenly over the templates, so that PPO meets the harm penalty."""
    found = _texts(provoking_practice(), without)
    return [prompt_of(found[n * len(found) // at_most].dialogue) for n in range(at_most if found else 0)]


def _gate(mine: Own, unrated: Sequence[str], without: set[str]) -> list[Question]:
    """Return the gate's questions: the user's held-out conversations, the unrated ones, then Parley's own."""
    found = [Question(prompt, f"dev-{n}", summary) for n, (prompt, summary) in enumerate(mine)]
    found += [Question(prompt, f"user-{n}") for n, prompt in enumerate(unrated)]
    texts = _texts(conversations(), without)
    return [*found, *(Question(prompt_of(text.dialogue), text.cluster, text.summary) for text in texts)]


def _rated_prompts(rated: Rated) -> tuple[list[str], list[str], list[str]]:
    """Return the prompts of reward, judge and proof. The reward also gets those of singly labelled answers."""
    labelled = [label.prompt for label in rated.labels]
    reward = list(dict.fromkeys([*rated.prompts("reward"), *labelled]))
    return reward, rated.prompts("judge"), rated.prompts("dev")


def _own_prompts(own: Own, without: set[str]) -> list[tuple[str, str]]:
    """Return each conversation once, with the first summary found for it."""
    found: dict[str, tuple[str, str]] = {}
    for dialogue, summary in own:
        prompt = prompt_of(dialogue)
        key = conversation_key(prompt)
        if key not in found or (summary and not found[key][1]):
            found[key] = (prompt, summary)
    return [one for key, one in found.items() if key not in without]


def _one_of_each(prompts: Iterable[str], without: set[str]) -> list[str]:
    """Return the first prompt of each conversation."""
    found: dict[str, str] = {}
    for prompt in prompts:
        found.setdefault(conversation_key(prompt), prompt)
    return [prompt for key, prompt in found.items() if key not in without]


def _texts(texts: Iterable[GateText], without: set[str]) -> list[GateText]:
    return [text for text in texts if conversation_key(text.dialogue) not in without]


def _keys(prompts: Iterable[str]) -> set[str]:
    return {conversation_key(prompt) for prompt in prompts}


def _overlap(one: str, other: str, prompt: str) -> str:
    said = one_line(conversation_key(prompt))
    shown = said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…"
    return f'a conversation is among {one} and among {other}: "{shown}"; start a new run'


class _OlderPractice(msgspec.Struct):
    """The content of texts.json, where earlier versions kept the practice texts."""

    teach: dict[str, str]
    choose: dict[str, str]


def _older_split(folder: Path, rated: Rated, own: Own, config: RlhfConfig) -> DataSplit:
    """Rebuild the split of an earlier version's run from its files. The gate gets all remaining conversations."""
    texts = msgspec.json.decode((folder / _OLDER_PRACTICE).read_bytes(), type=_OlderPractice)
    ppo, judged = ([str(row["prompt"]) for row in read_rows(folder / name)] for name in (PPO_PROMPTS, JUDGED))
    reward, judge, proof = _rated_prompts(rated)
    taken = _keys([*reward, *judge, *proof, *ppo, *judged, *texts.teach, *texts.choose])
    mine = _own_prompts(own, taken)
    taken |= _keys(prompt for prompt, _ in mine)
    unrated = _one_of_each(rated.unrated, taken)
    return DataSplit(
        reward=reward,
        judge=judge,
        proof=proof,
        ppo=ppo,
        teach=texts.teach,
        choose=texts.choose,
        judged=judged,
        gate=_gate(mine, unrated, taken | _keys(unrated)),
        provoking=provoking_questions(config.provoking, taken),
        older=True,
    )


def _write_rows(place: Path, rows: Iterable[dict[str, str]]) -> None:
    write_atomically(place, "".join(json.dumps(row) + "\n" for row in rows).encode())
