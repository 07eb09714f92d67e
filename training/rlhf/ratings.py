"""Reads ratings from the store or from files: pairs, split into three parts by conversation, and unrated conversations.

One part trains the reward, one the judge, and the third tests both. data_split.py assigns the remaining conversations.
"""

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from assistant.dialogue import parse, render_turns
from assistant.errors import DataMissing
from assistant.feedback.pairs import count_reasons, labels_from
from assistant.feedback.sharing.exchange import import_lines
from assistant.feedback.store import Store
from assistant.files import write_atomically
from assistant.locations import store_file
from assistant.prompts import conversation_in, render
from assistant.records import Label, PreferencePair, Prompt
from training.reward.preferences import as_asked
from training.rlhf.config import RlhfConfig
from training.runs.data.conversations import conversation_key
from training.runs.job import Job

Part = Literal["reward", "dev", "judge"]
_NEWEST = 5000
"""Newest answers in the store to search for unrated conversations."""


class Rated(msgspec.Struct, frozen=True, kw_only=True):
    """The ratings at the start of a run.

    `parts` are the pairs by part. `labels` are single answers rated good or bad that belong to no pair, from
    conversations outside `dev` and `judge`. `unpaired` counts the ratings that made no pair, by reason. `unrated` are
    prompts of answers that nobody rated. `models` counts the rated answers by model.
    """

    parts: dict[Part, list[PreferencePair]]
    labels: list[Label] = []
    unpaired: dict[str, int] = {}
    unrated: list[str] = []
    models: dict[str, int] = {}

    @property
    def pairs(self) -> list[PreferencePair]:
        """All pairs."""
        return [pair for part in self.parts.values() for pair in part]

    def prompts(self, *parts: Part) -> list[str]:
        """Return the distinct prompts of these parts, in order."""
        return list(dict.fromkeys(pair.prompt for part in parts for pair in self.parts[part]))

    def sources(self, config: RlhfConfig) -> list[str]:
        """Return the ids of the ratings used: those of all pairs, and for kto those of the labels."""
        found = {source for pair in self.pairs for source in pair.sources}
        return sorted(found | {label.source for label in self.labels if config.method == "kto"})

    def dialogues(self) -> int:
        """Count the conversations with pairs."""
        return len({conversation_key(pair.prompt) for pair in self.pairs})

    def figures(self) -> dict[str, Any]:
        """Return counts for the report, and the share of pairs whose longer answer was chosen."""
        pairs = self.pairs
        longer = [len(pair.chosen.split()) - len(pair.rejected.split()) for pair in pairs]
        uneven = [words > 0 for words in longer if words]
        return {
            "n": len(pairs),
            "points": sum(pair.compares == "points" for pair in pairs),
            **{part: len(found) for part, found in self.parts.items()},
            "dialogues": self.dialogues(),
            "raters": len({rater for pair in pairs for rater in pair.raters}),
            "longer_chosen": sum(uneven) / len(uneven) if uneven else None,
            "unpaired": self.unpaired,
            "models": self.models,
        }


def read_rated(config: RlhfConfig, files: Sequence[Path]) -> Rated:
    """Read the ratings of the files or, without files, of the store, and split them by conversation.

    Raises DataMissing if there are too few, and says how many more are needed.
    """
    if files:
        with tempfile.TemporaryDirectory() as place, Store.open(Path(place) / "store.db") as store:
            for file in files:
                import_lines(store, file, render=_prompt_of)
            found = _of_store(store, config)
    elif not store_file().exists():
        raise DataMissing(
            "nothing was rated yet: rate answers in the app, `assistant feedback import FILE`, or give --data FILE"
        )
    else:
        with Store.open(read_only=True) as store:
            found = _of_store(store, config)
    _check(found, config)
    return found


def require_pairs(job: Job[RlhfConfig]) -> None:
    """Raise DataMissing if a new run has too few pairs."""
    if job.resume is None:
        read_rated(job.config, job.data)


def parts_of(conversations: Sequence[str], config: RlhfConfig) -> dict[str, Part]:
    """Assign a part to each conversation; variants of one conversation get the same. The order of rating does not
    matter, because conversations are ordered by a hash.
    """

    def drawn(conversation: str) -> bytes:
        return hashlib.blake2b(f"{config.seed}/{conversation}".encode(), digest_size=8).digest()

    keys = {one: conversation_key(one) for one in sorted(set(conversations))}
    spelled: dict[str, str] = {}
    for one, key in keys.items():
        spelled.setdefault(key, one)
    order = sorted(spelled, key=lambda key: drawn(conversation_in(spelled[key])))
    dev = max(1, round(config.dev_share * len(order)))
    judge = dev + max(1, round(config.judge_share * len(order)))
    parts: dict[str, Part] = {
        key: "dev" if n < dev else "judge" if n < judge else "reward" for n, key in enumerate(order)
    }
    return {one: parts[key] for one, key in keys.items()}


def write_rated(rated: Rated, place: Path) -> None:
    """Write the ratings into the run's folder. Later ratings are for the next run."""
    write_atomically(place, msgspec.json.encode(rated))


def load_rated(place: Path) -> Rated:
    """Read what `write_rated` wrote."""
    return msgspec.json.decode(place.read_bytes(), type=Rated)


def prompt_of(dialogue: str) -> str:
    """Return the default prompt for a summary of the conversation."""
    return _prompt_of(dialogue).text


def _prompt_of(dialogue: str) -> Prompt:
    return render(render_turns(parse(dialogue)), budget=1 << 30, count_tokens=lambda _: 0)


def _of_store(store: Store, config: RlhfConfig) -> Rated:
    with store.database.one_moment():
        found, unpaired = store.pairs()
        judged = store.completions.judged()
        labels = labels_from(*store.judged())
        latest = store.completions.newest(limit=_NEWEST)
    pairs = [as_asked(pair) for pair in found]
    parts: dict[Part, list[PreferencePair]] = {"reward": [], "dev": [], "judge": []}
    places = parts_of([pair.prompt for pair in pairs], config)
    for pair in pairs:
        parts[places[pair.prompt]].append(pair)
    paired = {source for pair in pairs for source in pair.sources}
    kept_back = {conversation_key(pair.prompt) for part in ("dev", "judge") for pair in parts[part]}
    alone = [one for one in labels if one.source not in paired and conversation_key(one.prompt) not in kept_back]
    known = {completion.prompt for completion in judged}
    unrated = [answer.prompt for answer in latest if answer.task == "summary" and answer.prompt not in known]
    models: dict[str, int] = {}
    for completion in judged:
        models[completion.model] = models.get(completion.model, 0) + 1
    return Rated(
        parts=parts,
        labels=alone,
        unpaired=count_reasons(unpaired),
        unrated=sorted(dict.fromkeys(unrated)),
        models=models,
    )


def _check(rated: Rated, config: RlhfConfig) -> None:
    pairs, dialogues = len(rated.pairs), rated.dialogues()
    why = ", ".join(f"{count} {reason}" for reason, count in rated.unpaired.items())
    because = f" (made no pair: {why})" if why else ""
    if pairs < config.min_pairs or dialogues < config.min_dialogues:
        raise DataMissing(
            f"{pairs} pairs of {dialogues} conversations are too few: {config.min_pairs} pairs of "
            f"{config.min_dialogues} conversations are needed{because}; rank drafts of "
            f"{max(1, config.min_dialogues - dialogues, (config.min_pairs - pairs + 5) // 6)} more conversations"
        )
