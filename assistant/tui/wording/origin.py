"""How an answer was made, in words, for the screen and the command line."""

from assistant.prompts import MODES
from assistant.records import QUOTE, Answer, Completion

RANKABLE = " · Shift+Tab, then r ranks them"
QUOTED = "quoted: this model cannot answer in its own words"


def describe_answer(answer: Answer, *, details: bool = True) -> str:
    """One line about how the answer was made; without `details`, only what the user must know."""
    completion = answer.completion
    words = len(completion.answer.split())
    count = len(answer.drafts)
    facts = [f"{count} drafts{RANKABLE}"] if count > 1 else []
    if details:
        facts += [] if count > 1 else [f"{words:,} {'word' if words == 1 else 'words'}"]
        mode = MODES[completion.mode].label.lower() if completion.mode in MODES else completion.mode
        # For a digest, mode and model are the same. A quotation has neither.
        facts += [] if completion.model == QUOTE else dict.fromkeys([mode, completion.model])
        facts += [f"{completion.seconds:.1f} s"]
    facts += [QUOTED if is_quoted(completion) else "quoted from your documents"] if completion.model == QUOTE else []
    facts += _ending(completion)
    if answer.parts:
        turns = f"all {answer.turns:,} turns" if answer.turns else "read"
        facts.append(f"{turns} in {len(answer.parts)} parts")
    facts += filter(None, [describe_dropped(answer)])
    return " · ".join(facts)


def _ending(completion: Completion) -> list[str]:
    if completion.finished == "cancelled":
        return ["cancelled"]
    if completion.finished == "length":
        return [f"stopped at the limit of {completion.settings.max_new_tokens} tokens"]
    return []


def is_quoted(completion: Completion) -> bool:
    """Whether the answer quotes turns of the conversation because the model cannot write. Passages of documents do not
    count.
    """
    return completion.model == QUOTE and not completion.passage_ids


def describe_dropped(answer: Answer) -> str:
    """The number of examples that did not fit, in words; empty if all did."""
    dropped = answer.shots_dropped
    if not dropped:
        return ""
    mode = MODES.get(answer.completion.mode)
    if mode is not None and dropped >= mode.shots:
        return "asked without an example: none fits next to the conversation"
    return f"{dropped} {'example' if dropped == 1 else 'examples'} left out: no room next to the conversation"
