"""The default answer: a digest in the speakers' own words and, if the model has passed the exam, its summary."""

import re
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from assistant.conversation import Assistant
from assistant.dialogue import render_turns
from assistant.digest import Digest, make_digest, render
from assistant.engine.protocol import OnProgress
from assistant.exam import ExamResult, known_result, sit_exam
from assistant.exam.grading import LANGUAGE
from assistant.feedback.store import Store
from assistant.locations import config_dir
from assistant.marking import own_weights
from assistant.records import Answer, Ask, BackendName, Completion, Dialogue, GenerationSettings, ModelVersion, Record
from assistant.scoring.language import language_name, language_of

DIGEST = "digest"
"""The model name of an answer that is a digest."""
When = Literal["auto", "always", "never"]
"""When a model's text is shown: `auto` if the model passed the exam, `always` if possible, `never`."""
_FOCUS = re.compile(r"(?:please )?focus (?:more )?on (?:the )?(.+?)\.?$", re.IGNORECASE)


class ModelText(Record, frozen=True):
    """A model's summary next to the digest. `trusted` says whether the model passed the exam, `shown` whether the text
    is shown.
    """

    text: str = ""
    trusted: bool = False
    shown: bool = False


class Wanted(Record, frozen=True):
    """Options: when a model also writes, which one, and how many points the digest has."""

    when: When = "auto"
    ref: str | None = None
    backend: BackendName | None = None
    points: int | None = None


class Overview(Record, frozen=True):
    """What is shown. `completion` is the digest as stored, `answer` the model's answer, None if no model wrote; `notes`
    are messages for the user.
    """

    digest: Digest
    completion: Completion
    model_text: ModelText = ModelText()
    answer: Answer | None = None
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Everything shown, as plain text: the model's summary above the digest if it is trusted, else below."""
        body = render(self.digest)
        if not self.model_text.shown:
            return body
        if self.model_text.trusted:
            return f"{self.model_text.text}\n\n{body}"
        assert self.answer is not None
        label = f"Draft by {self.answer.completion.model}, not checked:"
        return f"{body}\n\n{label}\n{self.model_text.text}"


def overview(
    assistant: Assistant, dialogue: Dialogue, ask: Ask, wanted: Wanted, on_progress: OnProgress | None = None
) -> Overview:
    """Return the overview of one conversation; see `overviews`."""
    return overviews(assistant, [dialogue], ask, wanted, on_progress)[0]


def overviews(
    assistant: Assistant,
    dialogues: Sequence[Dialogue],
    ask: Ask,
    wanted: Wanted,
    on_progress: OnProgress | None = None,
) -> list[Overview]:
    """Return the digest of each conversation and the model's summary, if the request and the exam allow one.

    The model is loaded only if it will write. A wish "focus on X" also applies to the digest. Digests are stored like
    answers, so that they can be rated and found again.
    """
    found = make_overviews(assistant, dialogues, ask, wanted, on_progress)
    if assistant.store is not None:
        keep_overviews(assistant.store, found)
    return found


def make_overviews(
    assistant: Assistant,
    dialogues: Sequence[Dialogue],
    ask: Ask,
    wanted: Wanted,
    on_progress: OnProgress | None = None,
) -> list[Overview]:
    """Return the overviews without storing them."""
    return [_as_shown(one) for one in _written(assistant, dialogues, ask, wanted, on_progress)]


def keep_overviews(store: Store, found: Sequence[Overview]) -> None:
    """Store the digests with their parts; atomic."""
    with store.database.writing():
        store.completions.add([one.completion for one in found])
        store.completions.add_digests({one.completion.id: msgspec.json.encode(one.digest).decode() for one in found})


def kept_digest(store: Store, id: str) -> Digest | None:
    """Return the stored digest of an answer; None for other answers, and for digests stored without their parts."""
    try:
        return msgspec.json.decode(store.completions.digest(id), type=Digest)
    except msgspec.DecodeError:
        return None  # none, or from another version: the answer's text is used instead


def _as_shown(found: Overview) -> Overview:
    """Set the completion's answer to everything that is shown."""
    completion = msgspec.structs.replace(found.completion, answer=found.text)
    return msgspec.structs.replace(found, completion=completion)


def _written(
    assistant: Assistant, dialogues: Sequence[Dialogue], ask: Ask, wanted: Wanted, on_progress: OnProgress | None
) -> list[Overview]:
    """Return the digests, with the model's texts if there are any."""
    weights = own_weights(assistant.store) if assistant.store is not None else None
    found = [_digested(dialogue, ask, wanted.points, weights) for dialogue in dialogues]
    if wanted.when == "never":
        return found
    model, _ = assistant.choice(wanted.ref)
    languages = [unproven_language(dialogue) for dialogue in dialogues]
    found = [
        _noted(one, _no_text(language, model)) if language else one
        for one, language in zip(found, languages, strict=True)
    ]
    places = [place for place, language in enumerate(languages) if not language]
    if not places:
        return found
    result = known_result(model)
    if wanted.when == "auto" and result is None:
        result = exam_of(assistant, model, on_progress)
        found = [_noted(one, result.sentence()) for one in found]
    trusted = result is not None and result.passed
    if wanted.when == "auto" and not trusted:
        return found
    if assistant.loaded is None or assistant.loaded.model.ref != model.ref:
        assistant.load(wanted.ref, wanted.backend, on_progress=on_progress)
    answers = assistant.answers([dialogues[place] for place in places], ask, on_progress)
    for place, answer in zip(places, answers, strict=True):
        text = ModelText(text=answer.completion.answer, trusted=trusted, shown=True)
        found[place] = msgspec.structs.replace(found[place], model_text=text, answer=answer)
    return found


def _digested(dialogue: Dialogue, ask: Ask, points: int | None, weights: Mapping[str, float] | None = None) -> Overview:
    started = time.monotonic()
    digest = digest_of(dialogue, ask, points=points, weights=weights)
    return Overview(digest=digest, completion=_completion(dialogue, digest, time.monotonic() - started))


def _noted(found: Overview, sentence: str) -> Overview:
    return msgspec.structs.replace(found, notes=(*found.notes, sentence))


def _no_text(language: str, model: ModelVersion) -> str:
    return f"No model text: the conversation is in {language}, and {model.ref} is proven in English only."


def exam_of(assistant: Assistant, model: ModelVersion, on_progress: OnProgress | None = None) -> ExamResult:
    """Return the model's exam result, from the record or by running the exam now."""
    if known := known_result(model):
        return known
    if assistant.loaded is None or assistant.loaded.model.ref != model.ref:
        assistant.load(model.ref, on_progress=on_progress)
    return sit_exam(assistant.engine, model, on_progress)


def _completion(dialogue: Dialogue, digest: Digest, seconds: float) -> Completion:
    """Return the digest as a completion; its prompt is the conversation itself."""
    return Completion(
        id=secrets.token_hex(6),
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        prompt=render_turns(dialogue),
        mode="digest",
        task="digest",
        prompt_version="",
        model=DIGEST,
        backend="ctranslate",
        backend_version="",
        settings=GenerationSettings(),
        answer=render(digest),
        seconds=seconds,
    )


def digest_of(
    dialogue: Dialogue, ask: Ask, *, points: int | None = None, weights: Mapping[str, float] | None = None
) -> Digest:
    """Return the digest for the request, with its number of words or points, and its focus if it has one. `weights` are
    the user's own, if any.
    """
    focus = _FOCUS.match(ask.wish.strip())
    return make_digest(
        dialogue,
        words=ask.words,
        points=points,
        focus=focus[1] if focus else None,
        weights=weights,
        cue_folder=config_dir() / "cues",
    )


def unproven_language(dialogue: Dialogue) -> str:
    """Return the name of the conversation's language if no exam covers it; empty for English and for texts too short to
    tell.
    """
    code = language_of("\n".join(turn.text for turn in dialogue.turns))
    return "" if code in (None, LANGUAGE) else language_name(code)
