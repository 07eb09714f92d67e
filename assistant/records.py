"""The shared records: frozen values without behaviour, used by all parts of Parley. Database, screens and command line
use the same names.

A *dialogue* is what people said, as *turns*. A *prompt* is the exact text that a model reads. A *completion* is what a
model wrote for it, with everything needed to reproduce it. A *model version* is a base with one adapter or none.
"""

from typing import Any, Literal

import msgspec


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The base of all records."""


class Turn(Record, frozen=True):
    """An uninterrupted statement of one speaker; `time` is as the source writes it, empty if it gives none."""

    speaker: str
    text: str
    time: str = ""


class Dialogue(Record, frozen=True):
    """A conversation as read from a text.

    `format` is the name of the format that read it. `left_out` counts lines that are not speech ("joined the group"),
    `kinds` counts them by kind. `label` names the source, such as "WhatsApp". `has_speakers` is False if the text names
    nobody and a narrator says all of it.
    """

    turns: tuple[Turn, ...]
    format: str
    has_speakers: bool = True
    left_out: int = 0
    kinds: dict[str, int] = {}
    label: str = ""

    @property
    def speakers(self) -> tuple[str, ...]:
        """All speakers, in order of appearance."""
        return tuple(dict.fromkeys(turn.speaker for turn in self.turns))


Task = Literal["digest", "summary", "topic", "actions", "question", "instruction"]
"""What is written; only "digest" needs no model."""
Decoding = Literal["greedy", "beam", "sample"]
Faithful = Literal["off", "rerank", "ban"]
BackendName = Literal["ctranslate", "transformers"]


class GenerationSettings(Record, frozen=True):
    """How text is generated. The defaults give a short, deterministic summary."""

    decoding: Decoding = "beam"
    """`greedy` takes the most likely token each time, `beam` the most likely text, `sample` draws at random."""
    beams: int = 4
    """Beams of a beam search."""
    temperature: float = 0.7
    """Sampling temperature: below 1 more predictable, above 1 more varied."""
    top_k: int = 50
    """Sampling: draw from the k most likely tokens only; 0 for all."""
    top_p: float = 1.0
    """Sampling: draw from the most likely tokens that add up to this probability."""
    max_new_tokens: int = 128
    """Longest answer in tokens."""
    min_new_tokens: int = 1
    """Shortest answer in tokens."""
    repetition_penalty: float = 1.0
    """Above 1, tokens that were already written become less likely."""
    no_repeat_ngram: int = 3
    """No run of this many tokens occurs twice; 0 for no limit."""
    length_penalty: float = 1.0
    """Divides a beam's score by length ** penalty (Wu et al. 2016, eq. 14, simplified as in both backends)."""
    drafts: int = 1
    """Texts to write for each prompt."""
    faithful: Faithful = "rerank"
    """Names and numbers that the conversation lacks: `rerank` prefers drafts without them, and forbids them if
    every draft has some; `ban` forbids them from the start; `off` allows them. With greedy decoding `rerank` forbids
    them too."""
    candidates: int = 4
    """Drafts that `rerank` chooses from."""
    seed: int | None = None
    """Seed for sampling. Without it, one is drawn and stored with the answer."""


class Prompt(Record, frozen=True):
    """The exact text that a model reads, and how it was made.

    It uses `tokens` of `budget`. `shots` names the solved examples kept, `shots_dropped` counts those that did not fit.
    `version` is a hash of the template and shots, so that it changes with the wording. `speakers` maps tags to the
    names that the model reads as these tags; empty if it reads the text unchanged.
    """

    text: str
    mode: str
    task: Task
    phrasing: str
    tokens: int
    budget: int
    version: str
    shots: tuple[str, ...] = ()
    shots_dropped: int = 0
    speakers: dict[str, str] = {}


class Draft(Record, frozen=True):
    """One text written by a model. `score` is its mean log-probability per token, if the backend gives one.

    `finished` is "end" if the model ended it, "length" if the token limit did, "cancelled" if the user did.
    """

    text: str
    tokens: int
    score: float | None = None
    finished: Literal["end", "length", "cancelled"] = "end"


QUOTE = "quote"
"""The model name of an answer that no model wrote."""


class Completion(Record, frozen=True):
    """An answer as stored: the exact prompt, the model version, the settings and the seed that reproduce it.

    `answer` is what is shown; `rationale` is the reasoning before it in a chain-of-thought answer. `draft_of` groups
    the drafts of one request by the first one's id, `draft_index` orders them. A conversation longer than the model's
    window is answered in parts: each part is a completion whose `part_of` is the id of the whole answer. `created` is
    UTC, ISO 8601.
    """

    id: str
    created: str
    prompt: str
    mode: str
    task: str
    prompt_version: str
    model: str
    backend: BackendName
    backend_version: str
    settings: GenerationSettings
    answer: str
    rationale: str = ""
    finished: Literal["end", "length", "cancelled"] = "end"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    draft_of: str = ""
    draft_index: int = 0
    part_of: str = ""
    passage_ids: tuple[str, ...] = ()


class Ask(Record, frozen=True):
    """A request to a model: mode, task, phrasing and generation settings.

    `request` is the question or the instruction, for tasks that take one. `wish` is a sentence about the answer ("Focus
    on the refund."), which the model is told and by which drafts are chosen. `words` is a target length.
    """

    mode: str = "zero-shot"
    task: Task = "summary"
    request: str = ""
    wish: str = ""
    phrasing: str | None = None
    words: int | None = None
    settings: GenerationSettings = GenerationSettings()


class Guarded(Record, frozen=True):
    """What faithful decoding did for an answer.

    `avoided` are names and numbers in the likeliest text that are not in the conversation, `left` those that the answer
    still has. `barred` says that they were barred while the answer, or a part of it, was written.
    """

    avoided: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    barred: bool = False


class Answer(Record, frozen=True):
    """The result of one request: a completion for each draft, the first being the answer.

    `parts` are the completions of the parts of a conversation that did not fit the window, empty if it did. `turns`
    counts all turns; every turn is in exactly one part. `combined` says that the answer was written from those of the
    parts; otherwise it is the parts joined. `guarded` is None if names and numbers were not checked.
    """

    drafts: tuple[Completion, ...]
    parts: tuple[Completion, ...] = ()
    turns: int = 0
    shots_dropped: int = 0
    guarded: Guarded | None = None
    combined: bool = False

    @property
    def completion(self) -> Completion:
        """The answer."""
        return self.drafts[0]


class ModelVersion(Record, frozen=True):
    """A model as the registry lists it.

    `ref` is what a user types. `folder` holds config.json, tokenizer.json and the safetensors weights. `converted` is a
    bundled CTranslate2 folder, None if the conversion is in the cache. `parameters` is 0 if unknown. `soft_prompt` is
    the folder of learned vectors put before every text, empty for none; only the transformers backend supports it.
    `speaker_tags` are what it reads and writes in place of speakers' names, in order of speaking; each is one token, so
    that no text gets longer. Empty for a model that reads names.
    """

    ref: str
    folder: str
    kind: Literal["bundled", "hub", "path", "version"]
    converted: str | None = None
    parameters: int = 0
    window: int = 512
    licence: str = ""
    soft_prompt: str = ""
    speaker_tags: tuple[str, ...] = ()


MessageKind = Literal["user", "conversation", "answer", "notice"]


class Chat(Record, frozen=True):
    """A thread of messages. `settings` are those of this chat alone, as JSON values.

    `updated` is when a message was last added or changed. `forked_from` is the id of the message after which this chat
    was forked, empty if it was not. `messages` counts them. `pinned` keeps it at the top of the list.
    """

    id: str
    created: str
    updated: str
    title: str = ""
    settings: dict[str, Any] = {}
    forked_from: str = ""
    messages: int = 0
    pinned: bool = False


class Message(Record, frozen=True):
    """A message of a chat. `text` is what is shown; an answer lists the completions it shows, drafts in order."""

    id: str
    chat: str
    created: str
    kind: MessageKind
    text: str
    completions: tuple[str, ...] = ()


Thumb = Literal["up", "down"]
Ended = Literal["", "superseded", "undone"]


class Judgement(Record, frozen=True, kw_only=True):
    """The common fields of ratings, rankings and marks.

    `confidence` is 0 to 1, None if nobody asked. `guideline` is the version of the rating guideline. A judgement is
    never changed: an edit is a new one that `supersedes` the old one's id, which then has `ended` (UTC) and `ended_by`.
    `weight` is below 1 if a file of pairs says so, and `origin` has the ids of the judgement in the store that such a
    file came from.
    """

    id: str
    created: str
    rater: str
    reasons: tuple[str, ...] = ()
    comment: str = ""
    confidence: float | None = None
    guideline: str = ""
    weight: float = 1.0
    origin: tuple[str, ...] = ()
    supersedes: str = ""
    ended: str = ""
    ended_by: Ended = ""


class Rating(Judgement, frozen=True, kw_only=True):
    """An answer judged good or bad on its own."""

    completion: str
    thumb: Thumb


class Ranking(Judgement, frozen=True, kw_only=True):
    """Answers to one prompt, ranked by one rater.

    `groups` are completion ids, best first, ties inside a group; `failed` are nonsense or untrue, below all others and
    unordered. `shown` is their order on the screen. `repeat_of` names the ranking that was repeated, unmarked, to
    measure the rater's consistency.
    """

    groups: tuple[tuple[str, ...], ...]
    failed: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    repeat_of: str = ""

    @property
    def completions(self) -> tuple[str, ...]:
        """All completions judged, best first."""
        return tuple(id for group in self.groups for id in group) + self.failed


Compared = Literal["answers", "points"]
"""What a pair compares: two answers, or a digest with and without one of its points."""


class PreferencePair(Record, frozen=True):
    """Two answers to the same prompt, by preference, over all judgements.

    `weight` is the number of independent comparisons behind it. `sources` are the ids of the judgements used, `raters`
    their raters. If it compares points, the digest without the point is not a stored answer, and its id is generated.
    """

    prompt: str
    chosen: str
    rejected: str
    weight: float
    chosen_id: str
    rejected_id: str
    raters: tuple[str, ...]
    sources: tuple[str, ...]
    compares: Compared = "answers"


WhyUnpaired = Literal[
    "tie",
    "both failed",
    "alone",
    "identical texts",
    "different prompts",
    "contradiction",
    "raters disagree",
    "missing answer",
]


class Unpaired(Record, frozen=True):
    """A judgement that made no pair, and why.

    "alone" is an answer with a thumb and no opposite thumb to pair it with; the others are two answers. "missing
    answer" is also a digest that does not contain the marked point, or nothing else. "contradiction" is a rater who
    prefers each of the two once; "raters disagree" is raters in balance. `completions` are texts, or ids if the answer
    is missing.
    """

    why: WhyUnpaired
    prompt: str
    completions: tuple[str, ...]
    raters: tuple[str, ...]
    sources: tuple[str, ...]


class Label(Record, frozen=True):
    """An answer judged good (True) or bad on its own: thumbs, and answers failed in a ranking."""

    prompt: str
    completion: str
    completion_id: str
    label: bool
    rater: str
    source: str


class Tombstone(Record, frozen=True):
    """What remains of something deleted: its id, its kind, and when (UTC) it was deleted."""

    id: str
    noun: Literal["chat", "completion", "rating", "ranking", "mark"]
    deleted: str


class Deletion(Record, frozen=True):
    """What a deletion removed, as counts. `kept` are answers that another chat still shows; `model_versions` were
    trained with judgements that are now deleted.
    """

    chats: int = 0
    messages: int = 0
    completions: int = 0
    ratings: int = 0
    rankings: int = 0
    marks: int = 0
    kept: int = 0
    model_versions: tuple[str, ...] = ()
