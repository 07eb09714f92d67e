"""Judgements leave as lines and come back: nothing lost, nothing doubled, nothing half done."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import DataMissing, UsageError
from assistant.feedback import Store
from assistant.feedback.sharing.exchange import Export, Imported, export, import_lines
from assistant.feedback.sharing.redaction import Redaction
from assistant.records import Prompt
from tests.builders import a_completion


@pytest.fixture
def store() -> Iterator[Store]:
    """Four drafts, ranked by two raters, one of them edited; thumbs; a deleted rating."""
    with Store.open() as store:
        store.completions.add([a_completion(f"d{i}", answer=f"draft {i}") for i in range(1, 5)])
        store.completions.add([a_completion("other", prompt="q", answer="other"), a_completion("unjudged")])
        store.judgements.rank([["d2"], ["d1"], ["d3"], ["d4"]], rater="ana")
        store.judgements.rank(
            [["d1"], ["d2", "d4"]],
            failed=["d3"],
            shown=["d3", "d1", "d2", "d4"],
            rater="ana",
            reasons=["correct"],
            comment='Zoë said "so"\nand that was it',
            confidence=0.75,
            guideline="g1",
        )
        store.judgements.rank([["d2"], ["d1"]], rater="ben")
        store.judgements.rate("d1", "up", rater="ana")
        store.judgements.rate("d1", "down", rater="ana")
        store.judgements.rate("other", "down", rater="ben", comment="no")
        store.deletions.delete_judgement(store.judgements.rate("other", "up", rater="ana").id)
        yield store


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "fresh.db") as fresh:
        yield fresh


def _write(tmp_path: Path, *lines: Any) -> Path:
    path = tmp_path / "lines.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def _through_a_file(exported: Export, store: Store, tmp_path: Path) -> Imported:
    return import_lines(store, _write(tmp_path, *exported.lines))


def test_raw_lines_lose_nothing(store: Store, fresh: Store, tmp_path: Path) -> None:
    exported = export(store, "raw")
    outcome = _through_a_file(exported, fresh, tmp_path)
    assert (outcome.completions, outcome.ratings, outcome.rankings) == (5, 3, 3)
    assert export(fresh, "raw") == exported
    came, went = fresh.judgements, store.judgements
    assert sorted(came.rankings(history=True), key=str) == sorted(went.rankings(history=True), key=str)
    assert sorted(came.ratings(history=True), key=str) == sorted(went.ratings(history=True), key=str)
    assert came.tombstones() == went.tombstones()
    assert fresh.stats() == store.stats()


@pytest.mark.parametrize("format", ["trl", "unpaired"])
def test_pairs_and_labels_come_back_line_by_line(store: Store, fresh: Store, tmp_path: Path, format: Any) -> None:
    exported = export(store, format)
    assert exported.lines
    _through_a_file(exported, fresh, tmp_path)
    assert export(fresh, format).lines == exported.lines


@pytest.mark.parametrize("format", ["trl", "unpaired", "raw"])
def test_the_same_file_twice_adds_nothing(store: Store, fresh: Store, tmp_path: Path, format: Any) -> None:
    exported = export(store, format)
    for target in (store, fresh, fresh):  # back where it came from, elsewhere, and elsewhere again
        before = export(target, "raw")
        again = _through_a_file(exported, target, tmp_path)
        if before.lines:
            assert (again.completions, again.ratings, again.rankings) == (0, 0, 0)
            assert again.known > 0
            assert export(target, "raw") == before


def test_a_trl_line_is_a_prompt_with_a_chosen_and_a_rejected_answer_and_where_they_come_from(store: Store) -> None:
    lines = [json.loads(line) for line in export(store, "trl").lines]
    first = next(line for line in lines if (line["chosen"], line["rejected"]) == ("draft 1", "draft 4"))
    # ana's ranking of four: 2 / 4 times her confidence of 0.75
    assert first["weight"] == 0.375
    assert (first["rater"], first["confidence"], first["reasons"]) == ("ana", 0.75, ["correct"])
    assert (first["chosen_id"], first["chosen_model"], first["mode"]) == ("d1", "pocket", "zero-shot")
    assert {"prompt", "task", "prompt_version", "sources", "guideline", "created", "comment"} <= first.keys()


def test_what_makes_no_pair_is_counted_in_the_export(store: Store) -> None:
    # d2 and d4 are tied; ana's and ben's only thumbs stand alone on their prompts
    assert export(store, "trl").left_out == {"alone": 2, "tie": 1}
    assert export(store, "unpaired").left_out == {"ranking without a failed answer": 1}
    assert export(store, "raw").left_out == {}
    lines = [json.loads(line) for line in export(store, "unpaired").lines]
    assert [(line["completion"], line["label"], line["rater"]) for line in lines] == [
        ("draft 1", False, "ana"),
        ("draft 3", False, "ana"),
        ("other", False, "ben"),
    ]


def test_foreign_lines_of_every_shape_are_taken_in(fresh: Store, tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        {"prompt": "p", "chosen": "good", "rejected": "bad", "score_chosen": 7, "confidence": "high"},
        "",
        {"prompt": "p", "ranking": [["a"], ["b", "c"]], "fail": ["d"], "rater": "zoe", "reasons": ["wrong"]},
        {"prompt": "q", "completion": "fine", "label": True, "rater": "zoe"},
        {"prompt": "q", "completion": "dull", "label": False, "rater": "zoe"},
    )
    assert import_lines(fresh, path) == Imported(completions=8, ratings=2, rankings=2)
    pairs, unpaired = fresh.pairs()
    assert {(p.chosen, p.rejected, *p.raters) for p in pairs} == {
        ("a", "b", "zoe"),
        ("a", "c", "zoe"),
        ("a", "d", "zoe"),
        ("b", "d", "zoe"),
        ("c", "d", "zoe"),
        ("good", "bad", "imported"),
        ("fine", "dull", "zoe"),
    }
    assert [one.why for one in unpaired] == ["tie"]
    assert {ranking.rater for ranking in fresh.judgements.rankings()} == {"imported", "zoe"}
    assert fresh.completions.newest()[0].model == "imported"


def test_a_dialogue_is_rendered_by_whoever_imports_it(fresh: Store, tmp_path: Path) -> None:
    def render(dialogue: str) -> Prompt:
        if not dialogue.strip("x"):
            raise UsageError("holds no conversation")
        return Prompt(
            text=f"Say: {dialogue}", mode="few-shot", task="topic", phrasing="f", tokens=1, budget=9, version="v9"
        )

    line = {"dialogue": "Ann: hi", "chosen": "greeting", "rejected": "lunch"}
    path = _write(tmp_path, line)
    with pytest.raises(UsageError, match="line 1: has a dialogue"):
        import_lines(fresh, path)
    import_lines(fresh, path, render=render)
    completion = fresh.completions.newest()[0]
    assert (completion.prompt, completion.mode, completion.task) == ("Say: Ann: hi", "few-shot", "topic")
    assert completion.prompt_version == "v9"
    with pytest.raises(UsageError, match="line 2: holds no conversation"):
        import_lines(fresh, _write(tmp_path, line, line | {"dialogue": "xx"}), render=render)


def test_lines_that_contradict_each_other_all_count(fresh: Store, tmp_path: Path) -> None:
    import_lines(
        fresh,
        _write(
            tmp_path,
            {"prompt": "p", "chosen": "a", "rejected": "b"},
            {"prompt": "p", "chosen": "b", "rejected": "a"},
            {"prompt": "p", "chosen": "same", "rejected": "same"},
        ),
    )
    pairs, unpaired = fresh.pairs()
    assert pairs == []
    assert sorted(one.why for one in unpaired) == ["contradiction", "identical texts"]


_GOOD = {"prompt": "p", "chosen": "a", "rejected": "b"}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"prompt": "p", "chosen": ', "truncated"),
        ("[1]", "must be a JSON object"),
        ('"\\ud800"', "truncated"),
        ('{"prompt": "p", "chosen": "\udcff", "rejected": "b"}', "utf-8"),
        ({"prompt": "p", "chosen": "a"}, "missing required field `rejected`"),
        ({"prompt": "p", "chosen": 1, "rejected": "b"}, "Expected `str`"),
        ({"prompt": [{"role": "user"}], "chosen": "a", "rejected": "b"}, "Expected `str"),
        ({"chosen": "a", "rejected": "b"}, "prompt or a dialogue"),
        ({"prompt": "", "chosen": "a", "rejected": "b"}, "prompt or a dialogue"),
        ({"prompt": "p"}, "needs chosen and rejected"),
        ({"prompt": "p", "ranking": [["a"]]}, "two answers"),
        ({"prompt": "p", "ranking": []}, "two answers"),
        ({"prompt": "p", "completion": "a", "label": "good"}, "Expected `bool`"),
        (_GOOD | {"confidence": 5}, "0 to 1, or low"),
        (_GOOD | {"confidence": "perhaps"}, "0 to 1, or low"),
        (_GOOD | {"weight": -1}, "weight"),
        (_GOOD | {"created": "yesterday"}, "created must be a time"),
        (_GOOD | {"chosen_id": "../../x"}, "an id is"),
        ({"kind": "sonnet"}, "unknown kind"),
        ({"kind": "rating", "id": "x"}, "missing required field"),
        (
            {"kind": "rating", "id": "x", "created": "", "rater": "", "completion": "gone", "thumb": "up"},
            "neither here nor in the file",
        ),
    ],
)
def test_one_broken_line_is_named_and_nothing_is_imported(
    fresh: Store, tmp_path: Path, line: Any, problem: str
) -> None:
    path = tmp_path / "broken.jsonl"
    text = line if isinstance(line, str) else json.dumps(line)
    path.write_bytes(f"{json.dumps(_GOOD)}\n\n{text}\n".encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError, match=f"broken.jsonl: line 3: .*{problem}.*nothing was imported") as caught:
        import_lines(fresh, path)
    assert "\n" not in str(caught.value)
    assert export(fresh, "raw").lines == ()
    assert fresh.completions.newest() == []


def test_a_line_that_stands_twice_in_a_file_is_one_judgement(fresh: Store, tmp_path: Path) -> None:
    assert import_lines(fresh, _write(tmp_path, _GOOD, _GOOD)) == Imported(completions=2, rankings=1, known=1)


def test_the_order_of_raw_lines_does_not_matter_nor_does_a_byte_order_mark(
    store: Store, fresh: Store, tmp_path: Path
) -> None:
    exported = export(store, "raw")
    path = _write(tmp_path, *reversed(exported.lines))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    import_lines(fresh, path)
    assert export(fresh, "trl") == export(store, "trl")


def test_many_broken_lines_are_counted(fresh: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"line 1: .*line 5: .*; and 7 more; nothing"):
        import_lines(fresh, _write(tmp_path, *["broken"] * 12))


def test_a_file_that_is_missing_empty_or_a_folder_is_refused(fresh: Store, tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="no file"):
        import_lines(fresh, tmp_path / "none.jsonl")
    with pytest.raises(DataMissing, match="holds no lines"):
        import_lines(fresh, _write(tmp_path, ""))
    with pytest.raises(UsageError, match="cannot read"):
        import_lines(fresh, tmp_path)


def test_what_was_deleted_stays_deleted(store: Store, tmp_path: Path) -> None:
    exported = export(store, "raw")
    rating = store.judgements.ratings()[0]
    store.deletions.delete_judgement(rating.id)
    store.deletions.delete_completion("d4")
    outcome = _through_a_file(exported, store, tmp_path)
    assert outcome.deleted >= 2
    assert (outcome.completions, outcome.ratings, outcome.rankings) == (0, 0, 0)
    assert "d4" not in {completion.id for completion in store.completions.newest()}


def test_another_text_under_a_known_id_is_refused(store: Store, tmp_path: Path) -> None:
    exported = export(store, "raw")
    forged = [line.replace("draft 1", "forged") for line in exported.lines]
    with pytest.raises(UsageError, match="answer d1 is here with another text"):
        import_lines(store, _write(tmp_path, *forged))


def test_two_teams_merge_by_export_and_import(store: Store, fresh: Store, tmp_path: Path) -> None:
    _through_a_file(export(store, "raw"), fresh, tmp_path)
    fresh.judgements.rate("d4", "up", rater="cem")
    outcome = _through_a_file(export(fresh, "raw"), store, tmp_path)
    assert (outcome.ratings, outcome.rankings) == (1, 0)
    assert {rating.rater for rating in store.judgements.ratings()} == {"ana", "ben", "cem"}


def test_redaction_takes_out_speakers_addresses_numbers_and_raters(fresh: Store) -> None:
    prompt = (
        "Summarize:\n\nAnn Lee: Write to ann.lee@example.org or +49 (30) 123-4567.\n"
        "Óscar: Bob's 2026-01-02?\nTopic: lunch\nSummary:"
    )
    fresh.completions.add(
        [
            a_completion(
                "c1", prompt=prompt, answer="Ann asks Óscar to call +49 (30) 123-4567. Annual.", rationale="Lee"
            ),
            a_completion("c2", prompt=prompt, answer="Ann Lee writes."),
        ]
    )
    fresh.judgements.rank([["c1"], ["c2"]], rater="grace", comment="Ann is right")
    for format in ("trl", "raw"):
        text = "\n".join(export(fresh, format, redact=True).lines)
        for secret in ("Ann ", "Lee", "Óscar", "example.org", "123-4567", "grace"):
            assert secret not in text, (format, secret)
        for kept in (
            "Annual",
            "2026-01-02",
            "Person1 asks Person2 to call [phone]",
            "Topic: lunch",
            '"Person1 writes."',
            "rater1",
        ):
            assert kept in text, (format, kept)
    assert fresh.completions.get("c1").answer.startswith("Ann asks")


def test_redaction_without_speakers_still_takes_out_addresses() -> None:
    assert (
        Redaction("no dialogue here")("mail a.b+c@d-e.co.uk now, 10:30, room 1234")
        == "mail [email] now, 10:30, room 1234"
    )


def test_a_reader_that_may_not_write_can_export(store: Store) -> None:
    with Store.open(read_only=True) as reader:
        assert export(reader, "raw") == export(store, "raw")


def test_an_import_is_one_transaction(fresh: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("planted")

    monkeypatch.setattr(fresh.judgements, "add_tombstones", fail)
    with pytest.raises(Exception, match="planted"):
        import_lines(fresh, _write(tmp_path, _GOOD))
    assert fresh.completions.newest() == []
