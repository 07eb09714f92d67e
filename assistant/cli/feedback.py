"""`assistant rate`, `rank` and `feedback`: judge answers without the app, and show and exchange judgements."""

import sys
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec
from cyclopts import App, Parameter

from assistant.cli.output import note, say, say_json
from assistant.dialogue import parse, render_turns
from assistant.errors import UsageError
from assistant.feedback.guideline import load_guideline
from assistant.feedback.judgements import Judged, judged_by, kind_of, local_rater
from assistant.feedback.marks import SAYINGS, Mark
from assistant.feedback.sharing.exchange import Format, export, import_lines
from assistant.feedback.sharing.lines import IMPORTED
from assistant.feedback.store import Store
from assistant.files import write_atomically
from assistant.marking import Taste, taste_of
from assistant.prompts import render
from assistant.records import Prompt, Rating, Thumb
from assistant.terminal import one_line
from assistant.tui.wording.judged import describe_effect, describe_stats

_NONE_YET = "Nothing was judged yet: press + or - on an answer in the app, or use `assistant rate`."
feedback = App(name="feedback", help="Show, count, exchange and delete judgements.", help_format="plaintext")


class RankingFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The input of `assistant rank`: completion ids, best first. Ids in one list are tied."""

    ranking: list[list[str]]
    fail: list[str] = []
    rater: str = ""
    reasons: list[str] = []
    comment: str = ""
    confidence: float | None = None


def rate(
    completion: str,
    thumb: Thumb,
    *,
    reason: Annotated[list[str] | None, Parameter(name="--reason")] = None,
    comment: str = "",
    confidence: float | None = None,
    json: bool = False,
) -> None:
    """Rate an answer up or down. A later rating of the same answer replaces yours.

    Example:

      assistant rate 3fa21c0b down --reason "too long"

    Parameters
    ----------
    completion
        The answer's id (completion_id with --json) or its beginning.
    thumb
        up or down.
    reason
        Why; may be repeated.
    comment
        Anything else.
    confidence
        0 to 1: how sure you are.
    json
        Print one JSON object.
    """
    with Store.open() as store:
        kept = store.judgements.rate(
            store.completions.get(completion).id,
            thumb,
            rater=local_rater(),
            reasons=reason or (),
            comment=comment,
            confidence=confidence,
            guideline=load_guideline().version,
        )
        effect = _effect(store, kept)
    _tell(kept, effect, json)


def rank(file: Path, *, json: bool = False) -> None:
    """Store a ranking of drafts.

    The file contains {"ranking": [["id"], ["id", "id"]], "fail": ["id"]}: completion ids, best first, ties in one list.

    Example:

      assistant rank ranking.json

    Parameters
    ----------
    file
        The ranking; `-` reads it from standard input.
    json
        Print one JSON object.
    """
    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        read = msgspec.json.decode(content, type=RankingFile)
    except FileNotFoundError:
        raise UsageError(f"no such file: {file}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f'{file}: {error}; it needs a "ranking" of lists of completion ids, best first') from error
    with Store.open() as store:
        kept = store.judgements.rank(
            [[store.completions.get(id).id for id in group] for group in read.ranking],
            failed=[store.completions.get(id).id for id in read.fail],
            rater=read.rater or local_rater(),
            reasons=read.reasons,
            comment=read.comment,
            confidence=read.confidence,
            guideline=load_guideline().version,
        )
        effect = _effect(store, kept)
    _tell(kept, effect, json)


@feedback.command(name="list")
def list_(*, limit: int = 50, json: bool = False) -> None:
    """List ratings, rankings and marks on parts of digests, newest first.

    Parameters
    ----------
    limit
        Print at most this many.
    json
        Print one JSON list.
    """
    with Store.open() as store:
        found: list[Judged] = [
            *store.judgements.ratings(limit),
            *store.judgements.rankings(limit),
            *store.judgements.marks(limit),
        ]
    found.sort(key=lambda judgement: judgement.created, reverse=True)
    if json:
        say_json([_facts(judgement) for judgement in found[:limit]])
        return
    for judgement in found[:limit]:
        say(f"{judgement.id}  {judgement.created[:16].replace('T', ' ')}  {_gist(judgement)}")
    if not found:
        note(_NONE_YET)


@feedback.command(name="show")
def show(id: str, *, json: bool = False) -> None:
    """Print one judgement and the texts that were judged.

    Parameters
    ----------
    id
        The judgement's id or its beginning.
    json
        Print one JSON object.
    """
    with Store.open() as store:
        judgement = store.judgements.get(id)
        texts = {id: store.completions.get(id).answer for id in judged_by(judgement)}
        effect = _effect(store, judgement)
    if json:
        say_json({**_facts(judgement), "texts": texts, "pairs": effect.own, "versions": effect.versions})
        return
    say(f"{judgement.id}  {judgement.created}  by {judgement.rater}: {_gist(judgement)}")
    for id_, text in texts.items():
        say(f"  {id_}  {one_line(text)}")
    say(effect.sentence)


@feedback.command(name="stats")
def stats(*, json: bool = False) -> None:
    """Count judgements and preference pairs, and show how consistent the raters are.

    Parameters
    ----------
    json
        Print one JSON object.
    """
    with Store.open() as store:
        found, taste = store.stats(), taste_of(store)
    if json:
        say_json({**msgspec.to_builtins(found), "points": taste._asdict()})
    else:
        say(describe_stats(found))
        _print_taste(taste)


@feedback.command(name="reset")
def reset(what: Literal["points"], *, json: bool = False) -> None:
    """Forget what you kept and dropped in digests. The next one uses the bundled weights. Corrected to-dos stay.

    Parameters
    ----------
    what
        points: the parts of digests that you kept and dropped.
    json
        Print one JSON object.
    """
    with Store.open() as store:
        count = store.judgements.forget_marks(local_rater())
    if json:
        say_json({"reset": what, "marks": count})
    else:
        say(f"Forgot {count} {'mark' if count == 1 else 'marks'}. Digests use the bundled weights again.")


@feedback.command(name="export")
def export_(
    *,
    format: Format = "trl",
    redact: bool = False,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
) -> None:
    """Write judgements as JSON lines: preference pairs for TRL, labels, or everything.

    Example:

      assistant feedback export --format trl -o pairs.jsonl

    Parameters
    ----------
    format
        trl (prompt, chosen, rejected), unpaired (prompt, completion, label) or raw (everything, for another import).
    redact
        Replace speakers' names, e-mail addresses and phone numbers.
    output
        Write to this file, readable only by you, instead of standard output.
    """
    with Store.open() as store:
        exported = export(store, format, redact)
    if output is None:
        for line in exported.lines:
            say(line)
    else:
        write_atomically(output.absolute(), "".join(f"{line}\n" for line in exported.lines).encode())
    left_out = ", ".join(f"{count} {why}" for why, count in exported.left_out.items())
    made = f"{len(exported.lines)} lines" if exported.lines or left_out else f"No lines. {_NONE_YET}"
    note(made + (f"; made none: {left_out}" if left_out else ""))


@feedback.command(name="import")
def import_(file: Path, *, rater: str = IMPORTED, json: bool = False) -> None:
    """Read judgements from a file of JSON lines. If a line is broken, nothing is imported.

    A line has a prompt or a dialogue with chosen and rejected or with a ranking of texts, or is a line of an export.
    Importing a file twice adds nothing.

    Parameters
    ----------
    file
        The lines.
    rater
        The rater, for lines that do not name one.
    json
        Print one JSON object.
    """
    with Store.open() as store:
        taken = import_lines(store, file, rater=rater, render=_default_prompt)
        pairs = len(store.pairs()[0])
    if json:
        say_json({**msgspec.to_builtins(taken), "pairs": pairs})
        return
    known = f", {taken.known} were here already" if taken.known else ""
    marks = f", {taken.marks} marks" if taken.marks else ""
    say(f"Imported {taken.ratings} ratings and {taken.rankings} rankings{marks}{known}. They now make {pairs} pairs.")


@feedback.command(name="delete")
def delete(id: str, *, json: bool = False) -> None:
    """Delete a judgement for good, and name the model versions that learned from it.

    Parameters
    ----------
    id
        The judgement's id or its beginning.
    json
        Print one JSON object.
    """
    with Store.open() as store:
        gone = store.deletions.delete_judgement(id)
    if json:
        say_json(msgspec.to_builtins(gone))
        return
    say(f"Deleted {gone.ratings + gone.rankings + gone.marks} judgements.")
    if gone.model_versions:
        say(f"These model versions learned from it: {', '.join(gone.model_versions)}")


def _default_prompt(text: str) -> Prompt:
    """The prompt assumed for a dialogue without one: default mode and wording, at any length."""
    return render(render_turns(parse(text)), budget=sys.maxsize, count_tokens=lambda _: 0)


class _Effect(NamedTuple):
    """The effect of a judgement: its pairs, all pairs, the versions that learned from it, and a sentence about it."""

    own: int
    pairs: int
    versions: list[str]
    sentence: str


def _effect(store: Store, judgement: Judged) -> _Effect:
    pairs, unpaired = store.pairs()
    versions = store.judgements.versions_with([judgement.id])
    own = sum(judgement.id in pair.sources for pair in pairs)
    return _Effect(own, len(pairs), versions, describe_effect(pairs, unpaired, [judgement.id], versions))


def _tell(kept: Judged, effect: _Effect, as_json: bool) -> None:
    if as_json:
        say_json({**_facts(kept), "pairs": effect.pairs, "own_pairs": effect.own})
    else:
        say(f"Kept as {kept.id}: {effect.sentence}.")


def _facts(judgement: Judged) -> dict[str, object]:
    return {"kind": kind_of(judgement), **msgspec.to_builtins(judgement)}


def _gist(judgement: Judged) -> str:
    why = f" ({', '.join(judgement.reasons)})" if judgement.reasons else ""
    if isinstance(judgement, Rating):
        return f"{judgement.completion} {judgement.thumb}{why}"
    if isinstance(judgement, Mark):
        return f"{judgement.completion} {judgement.part} {SAYINGS[judgement.says]}: {one_line(judgement.text)}"
    order = " > ".join(" = ".join(group) for group in judgement.groups)
    return f"{order}{'  failed: ' + ', '.join(judgement.failed) if judgement.failed else ''}{why}"


def _print_taste(taste: Taste) -> None:
    say(f"{'parts of digests':18} {taste.kept} kept, {taste.dropped} dropped, {taste.put_right} to-dos put right")
    if taste.moved:
        moves = ", ".join(f"{name} {move:+.2f}" for name, move in taste.moved.items())
        say(f"{'weights moved':18} {moves}")
