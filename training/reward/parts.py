"""The parts of a reward, built in or learned.

Helpful: `human`, a reward trained from ratings (`human:r1`), and `coverage` of what matters. Honest: `unsupported`
names and numbers, and `roles`, which is below 0 if the text attributes actions to the wrong people. Harmless:
`harmless`. Form: `length`, `repetition`, `copying`.

A reward function takes prompts and responses and returns one number per response for each part. The trainer logs the
parts and adds them up by weight.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistant.errors import UsageError
from assistant.prompts import conversation_in
from assistant.scoring import surface
from assistant.scoring.coverage import coverage
from assistant.scoring.faithfulness.contradiction import contradictions
from assistant.scoring.faithfulness.support import unsupported
from assistant.scoring.heads import WARM, Toxicity, default_reward, load_head

RewardParts = dict[str, list[float]]
RewardFunction = Callable[[Sequence[str], Sequence[str]], RewardParts]
Part = Callable[[Sequence[tuple[str, str]]], list[float]]
"""(conversation, response) pairs -> one score each."""


@dataclass(frozen=True, slots=True)
class RewardTerm:
    """A weighted part of the reward. `part` is a name in PARTS, `setting` its parameter or ""."""

    part: str
    weight: float = 1.0
    setting: str = ""


def _plain(score: Callable[[str, str], float]) -> Callable[[RewardTerm], Part]:
    def make(term: RewardTerm) -> Part:
        if term.setting:
            raise UsageError(f"reward part {term.part!r} takes no setting")
        return _each(score)

    return make


def _each(score: Callable[[str, str], float]) -> Part:
    return lambda pairs: [score(conversation, response) for conversation, response in pairs]


def _phrase(score: Callable[[str, str], float]) -> Callable[[RewardTerm], Part]:
    def make(term: RewardTerm) -> Part:
        if not term.setting:
            raise UsageError(f"reward part {term.part!r} needs a phrase: {term.part}:PHRASE")
        return _each(lambda conversation, response: score(response, term.setting))

    return make


def _length(term: RewardTerm) -> Part:
    if not term.setting.isdigit() or int(term.setting) == 0:
        raise UsageError("reward part 'length' needs a number of words: length:20")
    return _each(lambda conversation, response: surface.length_fit(response, int(term.setting)))


def _human(term: RewardTerm) -> Part:
    """Score by a reward trained from ratings: the version named, or the newest, or the bundled one if there is none."""
    return load_head(term.setting or default_reward()).score


def _doubt(term: RewardTerm) -> Part:
    """Score by the disagreement of the members of such a reward."""
    return load_head(term.setting or default_reward()).doubt


def _roles(term: RewardTerm) -> Part:
    if term.setting:
        raise UsageError("reward part 'roles' takes no setting")
    return _each(load_head(WARM).roles.fit)


def _harmless(term: RewardTerm) -> Part:
    if term.setting:
        raise UsageError("reward part 'harmless' takes no setting")
    head = Toxicity()
    return lambda pairs: [1.0 - share for share in head.score([response for _, response in pairs])]


PARTS: dict[str, Callable[[RewardTerm], Part]] = {
    "human": _human,
    "doubt": _doubt,
    "coverage": _plain(lambda prompt, response: coverage(prompt, response)),
    "roles": _roles,
    "contradiction": _plain(lambda prompt, response: contradictions(prompt, response)),
    "harmless": _harmless,
    "length": _length,
    "repetition": _plain(lambda prompt, response: surface.repetition(response)),
    "copying": _plain(lambda prompt, response: surface.copying(response, prompt)),
    "unsupported": _plain(lambda prompt, response: float(len(unsupported(response, prompt)))),
    "empty": _plain(lambda prompt, response: float(not response.strip())),
    "mentions": _phrase(lambda response, phrase: float(surface.mentions(response, phrase))),
    "contains": _phrase(lambda response, phrase: float(response.lower().count(phrase.lower()))),
}
"""Part -> factory of its function for a term. A negative weight makes a part a penalty."""

_TERM = re.compile(r"\s*(?:(?P<weight>[-+]?[\d.]+)\s*\*\s*)?(?P<part>[a-z_]+)\s*(?::\s*(?P<setting>.*?)\s*)?")


def parse_terms(texts: Sequence[str]) -> list[RewardTerm]:
    """Parse terms of the form `[WEIGHT*]NAME[:SETTING]`. Raises UsageError for any other form or a repeated part."""
    terms = []
    for text in texts:
        found = _TERM.fullmatch(text)
        try:
            weight = float(found["weight"] or 1.0) if found else math.nan
        except ValueError:
            weight = math.nan
        if found is None or not math.isfinite(weight):
            raise UsageError(f"cannot read the reward {text!r}: write [WEIGHT*]NAME[:SETTING], such as -2*repetition")
        terms.append(RewardTerm(found["part"], weight, found["setting"] or ""))
    if len({term.part for term in terms}) < len(terms):
        raise UsageError("a reward part is named twice; give it one weight")
    return terms


def built_in(terms: Sequence[RewardTerm]) -> RewardFunction:
    """Return a reward function of built-in parts. Raises UsageError for an unknown part or a missing setting."""
    if not terms:
        raise UsageError(f"name at least one reward part: {', '.join(PARTS)}")
    for term in terms:
        if term.part not in PARTS:
            raise UsageError(f"unknown reward part {term.part!r}; there are {', '.join(PARTS)}")
    chosen = {term.part: PARTS[term.part](term) for term in terms}

    def reward(prompts: Sequence[str], responses: Sequence[str]) -> RewardParts:
        pairs = [(conversation_in(prompt), response) for prompt, response in zip(prompts, responses, strict=True)]
        return {name: part(pairs) for name, part in chosen.items()}

    return reward


def weighted(parts: RewardParts, terms: Sequence[RewardTerm], count: int) -> list[float]:
    """Return the weighted sum of the parts for each of `count` responses. Parts that no term names have weight 1."""
    weights = {term.part: term.weight for term in terms}
    for name, scores in parts.items():
        if len(scores) != count:
            raise UsageError(f"reward part {name!r} gave {len(scores)} scores for {count} responses")
    return [sum(weights.get(name, 1.0) * scores[row] for name, scores in parts.items()) for row in range(count)]
