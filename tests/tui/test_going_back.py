"""Going back in a chat: copies of it, what was sent changed and sent again, other names, settings of its own."""

import asyncio

from textual.widgets import OptionList, TextArea

from assistant.feedback.store import Store
from assistant.tui.widgets.composer import Composer
from assistant.tui.widgets.transcript.answer import AnswerView
from assistant.tui.widgets.transcript.source import SourceView
from tests.doubles import ScriptedAssistant
from tests.tui.screens import STANDUP, an_app, opened, paste, said, seen, settle
from tests.tui.test_judging import DRAFTS, SAMPLED, summarize

OTHER = "Al: Lunch at noon?\nBo: Fine."


async def test_what_was_sent_is_changed_and_sent_in_a_copy_that_leaves_the_chat_as_it_was() -> None:
    assistant = ScriptedAssistant("Maya moves it.")
    async with opened(an_app(assistant), (120, 40)) as pilot:
        for text in (STANDUP, OTHER):
            await settle(pilot)
            await paste(pilot, text)
            await pilot.press("enter")
            await settle(pilot)
        pilot.app.screen.query(SourceView).last().focus()
        await pilot.press("e")
        await settle(pilot)
        assert pilot.app.screen.query_one(Composer).whole_text == OTHER
        assert "changing what was sent" in seen(pilot.app)
        await pilot.press(*" Bye.", "enter")
        await settle(pilot)
        await settle(pilot)
        assert [len(view.dialogue.turns) for view in pilot.app.screen.query(SourceView)] == [3, 2]
        assert "changing what was sent" not in seen(pilot.app)
    with Store.open() as store:
        copy, first = store.chats.newest()
        texts = [[message.text for message in store.chats.messages(chat.id)] for chat in (first, copy)]
    assert texts[0] == [STANDUP, "Maya moves it.", OTHER, "Maya moves it."]
    assert texts[1] == [STANDUP, "Maya moves it.", f"{OTHER} Bye.", "Maya moves it."]
    assert copy.forked_from


async def test_escape_gives_up_a_change_and_brings_back_what_was_typed_before() -> None:
    async with opened(an_app()) as pilot:
        await summarize(pilot)
        await pilot.press(*"half", "shift+tab", "up", "e")
        await settle(pilot)
        composer = pilot.app.screen.query_one(Composer)
        assert "changing what was sent" in seen(pilot.app) and composer.whole_text == STANDUP
        await pilot.press(*"and", "escape")
        await settle(pilot)
        assert composer.whole_text == "half" and "changing what was sent" not in seen(pilot.app)
        assert len(pilot.app.screen.query(SourceView)) == 1
    with Store.open() as store:
        assert len(store.chats.newest()) == 1


async def test_a_copy_of_the_chat_up_to_an_answer_goes_its_own_way() -> None:
    async with opened(an_app(ScriptedAssistant("Maya moves it."))) as pilot:
        await summarize(pilot)
        await summarize(pilot)
        pilot.app.screen.query(AnswerView).first().focus()
        await pilot.press("b")
        await settle(pilot)
        await settle(pilot)
        assert len(pilot.app.screen.query(AnswerView)) == 1
    with Store.open() as store:
        assert [chat.messages for chat in store.chats.newest()] == [2, 4]


async def test_a_speaker_gets_a_name_in_view_in_the_store_and_in_the_next_answer() -> None:
    assistant = ScriptedAssistant()
    async with opened(an_app(assistant), (110, 40)) as pilot:
        await settle(pilot)
        await paste(pilot, "#Person1#: Shall we?\n#Person2#: Yes.")
        await pilot.press("enter")
        await settle(pilot)
        pilot.app.screen.query_one(SourceView).focus()
        await pilot.press("n", "enter")
        await settle(pilot)
        await paste(pilot, "Maya")
        await pilot.press("enter")
        await settle(pilot)
        assert "Maya: Shall we?" in seen(pilot.app)
        await paste(pilot, "/rename #Person2#=Tom")  # a paste goes into the composer wherever the focus is
        await pilot.press("enter")
        await settle(pilot)
        await paste(pilot, "/again")
        await pilot.press("enter")
        await settle(pilot)
    assert [turn.speaker for turn in assistant.asked[-1][0].turns] == ["Maya", "Tom"]
    with Store.open() as store:
        assert store.chats.messages(store.chats.newest()[0].id)[0].text == "Maya: Shall we?\nTom: Yes."


async def test_the_panel_changes_this_chat_alone_and_is_kept_with_it() -> None:
    assistant = ScriptedAssistant()
    async with opened(an_app(assistant), (120, 30)) as pilot:
        await summarize(pilot)
        await pilot.press("f9", *["down"] * 9, "enter")
        await settle(pilot)
        assert "Longest answer in tokens" in seen(pilot.app)
        await paste(pilot, "77")
        await pilot.press("enter")
        await settle(pilot)
        assert "longest answer     77" in seen(pilot.app)
        await pilot.press("enter")
        await settle(pilot)
        await paste(pilot, "many")
        await pilot.press("enter")
        await settle(pilot)
        assert "longest answer takes a whole number, not 'many'" in seen(pilot.app)
        await pilot.press("escape", "f9", "f9", "g")
        await settle(pilot)
        assert assistant.asked[-1][1].settings.max_new_tokens == 77
        await pilot.press("d")
        await settle(pilot)
        assert "longest answer     128" in seen(pilot.app)
        await pilot.press("enter")
        await settle(pilot)
        await paste(pilot, "99")
        await pilot.press("enter", "f9", "ctrl+n")
        await settle(pilot)
    with Store.open() as store:
        assert store.chats.newest()[0].settings["settings"]["max_new_tokens"] == 99


async def test_an_earlier_comparison_returns_unmarked_and_measures_self_agreement() -> None:
    class Always:
        """Chance that always strikes, and takes the first."""

        def random(self) -> float:
            return 0.0

        def choice(self, items: list[object]) -> object:
            return items[0]

    app = an_app(ScriptedAssistant(*DRAFTS), SAMPLED, chance=Always())
    async with opened(app, (120, 40)) as pilot:
        for _ in range(4):  # the last three are too fresh in mind to be asked again
            await summarize(pilot)
            await pilot.press("shift+tab", "r", "1", "2", "3", "enter")
            await settle(pilot)
        await settle(pilot)
        assert "One more: which is best?" in seen(pilot.app)
        await pilot.press("2", "1", "3", "enter")
        await settle(pilot)
    with Store.open() as store:
        again = store.judgements.rankings()[0]
        stats = store.stats()
    assert again.repeat_of
    # Of three comparisons one came out the other way round.
    assert (stats.self_agreement.value, stats.self_agreement.n) == (2 / 3, 3)


async def test_what_a_judgement_did_is_said_and_stands_at_the_foot() -> None:
    async with opened(an_app(ScriptedAssistant(*DRAFTS), SAMPLED), (140, 40)) as pilot:
        await summarize(pilot)
        await pilot.press("shift+tab", "r", "1", "2", "equals_sign", "3", "f", "enter")
        await settle(pilot)
        await settle(pilot)
        screen = seen(pilot.app)
        assert "Ranked · 2 pairs · 2 pairs of all judgements" in screen
        assert "1 rating → 2 pairs" in screen
        await pilot.press("shift+tab", "w")
        await settle(pilot)
        effect = "makes 2 of 2 pairs in all · no pair: 1 tie · no model has learned from it yet"
        assert effect in said(pilot.app)


async def test_the_guideline_is_edited_in_place_and_its_version_noted() -> None:
    async with opened(an_app(), (110, 44)) as pilot:
        await settle(pilot)
        await paste(pilot, "/guideline")
        await pilot.press("enter")
        await settle(pilot)
        assert "Correct before everything" in seen(pilot.app)
        await pilot.press("e")
        pilot.app.screen.query_one(TextArea).load_text("The one with the room in it.")
        await pilot.press("escape")
        await settle(pilot)
        assert "Esc again to discard" in said(pilot.app)
        await pilot.press("ctrl+s", "escape")
        await settle(pilot)
        await summarize(pilot)
        await pilot.press("shift+tab", "plus")
        await settle(pilot)
    from assistant.feedback.guideline import load_guideline

    guideline = load_guideline()
    assert guideline.text == "The one with the room in it."
    assert "correct" in guideline.reasons["up"], "the reasons stay"
    with Store.open() as store:
        assert store.judgements.ratings()[0].guideline == guideline.version


async def test_the_log_keeps_what_was_said() -> None:
    async with opened(an_app(), (110, 30)) as pilot:
        await settle(pilot)
        await paste(pilot, "/nothing")
        await pilot.press("enter")
        await settle(pilot)
        await paste(pilot, "/log")
        await pilot.press("enter")
        await settle(pilot)
        text = pilot.app.screen.query_one(TextArea).text
    assert "error        no command /nothing; F1 lists them" in text


async def test_a_model_is_downloaded_only_after_a_yes() -> None:
    async with opened(an_app()) as pilot:
        await settle(pilot)
        await paste(pilot, "/pull")
        await pilot.press("enter")
        await settle(pilot)
        assert "Download google/flan-t5-base?" in seen(pilot.app)
        assert pilot.app.screen.query_one(OptionList).highlighted == 0, "the first offer is not to"
        await pilot.press("enter")
        await settle(pilot)
        await asyncio.sleep(0)
        assert "Downloading" not in said(pilot.app)
