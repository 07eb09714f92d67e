"""What a text is taken for, and how the screen says so before it is sent."""

import asyncio

import pytest

from assistant.dialogue import parse
from assistant.errors import InputUnreadable
from assistant.records import Dialogue
from assistant.tui.input.routing import Input, InView, Route, is_question, is_wish, plan, routes_for
from assistant.tui.widgets.transcript.source import describe
from tests.doubles import ScriptedAssistant
from tests.tui.screens import STANDUP, an_app, opened, paste, seen, settle


def likeliest(text: str, in_view: InView) -> Route:
    try:
        dialogue: Dialogue | None = parse(text)
    except InputUnreadable:
        dialogue = None
    return routes_for(text, dialogue, in_view)[0]


IN_VIEW = InView(conversation=parse(STANDUP), has_answer=True)
WITH_DOCUMENTS = InView(conversation=parse(STANDUP), has_answer=True, has_documents=True)
STORY = "Maya met Tom at noon and they moved the review to Friday. " * 5


@pytest.mark.parametrize(
    ("text", "in_view", "route"),
    [
        (STANDUP, InView(), "conversation"),
        (STANDUP, WITH_DOCUMENTS, "conversation"),
        ("Maya: Shall we go?", IN_VIEW, "conversation"),
        (STORY, IN_VIEW, "conversation"),
        ("Who books the room?", IN_VIEW, "question"),
        ("who books the room", IN_VIEW, "question"),
        ("Who books the room?", InView(), "instruction"),
        ("How long is the notice period?", InView(has_documents=True), "documents"),
        ("How long is the notice period?", WITH_DOCUMENTS, "documents"),
        ("How long is the notice period?", IN_VIEW, "question"),
        ("When is the review?", WITH_DOCUMENTS, "question"),
        ("When is the review, according to my notes?", WITH_DOCUMENTS, "documents"),
        ("Why?", WITH_DOCUMENTS, "question"),
        ("shorter", IN_VIEW, "refine"),
        ("Focus on the room", IN_VIEW, "refine"),
        ("make it a bit more formal", IN_VIEW, "refine"),
        ("shorter", InView(), "instruction"),
        ("Translate this into German", IN_VIEW, "instruction"),
        ("Can you write a poem about rooms?", IN_VIEW, "instruction"),
    ],
)
def test_a_text_goes_where_a_person_would_mean_it_to(text: str, in_view: InView, route: Route) -> None:
    assert likeliest(text, in_view) == route


def test_only_what_can_be_served_is_offered_and_nothing_twice() -> None:
    found = routes_for("Who books the room?", parse("Who books the room?"), WITH_DOCUMENTS)
    assert found == ("question", "conversation", "documents", "refine", "instruction")
    assert routes_for("Who?", None, InView(), ("conversation",)) == ()


def test_a_long_text_with_a_question_mark_is_no_question() -> None:
    assert is_question("Is it fine?")
    assert is_question("Est-ce que ça va ?")
    assert not is_question("Is it " + "very " * 40 + "fine?")
    assert not is_wish("shorter " + "and shorter " * 10)


def test_the_route_that_the_user_chose_comes_first() -> None:
    typed = Input(text="shorter please, it is far too long", in_view=IN_VIEW)
    assert plan(typed).route == "refine"
    chosen = Input(text=typed.text, in_view=IN_VIEW, chosen="conversation")
    assert plan(chosen).routes[:2] == ("conversation", "refine")


async def test_the_route_is_shown_before_sending_and_f7_changes_it() -> None:
    assistant = ScriptedAssistant("Maya moves the review to Friday and Tom books the room.")
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await paste(pilot, STANDUP)
        await asyncio.sleep(0.3)
        await settle(pilot)
        assert "Enter → summary · conversation · 3 turns" in seen(pilot.app)
        await pilot.press("enter")
        await settle(pilot)
        await paste(pilot, "shorter")
        await asyncio.sleep(0.3)
        await settle(pilot)
        assert "Enter → change the answer · F7 changes" in seen(pilot.app)
        await pilot.press("f7")
        await settle(pilot)
        assert "Enter → summary · no speakers" in seen(pilot.app)
        while "change the answer" not in seen(pilot.app):
            await pilot.press("f7")
            await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert "shorter  → change the answer" in seen(pilot.app)
    # 11 words: two thirds are 7.
    assert [(ask.words, len(dialogue.turns)) for dialogue, ask in assistant.asked] == [(None, 3), (7, 3)]


async def test_questions_instructions_and_wishes_reach_the_model_with_the_conversation_in_view() -> None:
    assistant = ScriptedAssistant("Tom does.")
    async with opened(an_app(assistant), (120, 40)) as pilot:
        await settle(pilot)
        for text in (STANDUP, "Who books the room?", "Translate this into German", "focus on the room"):
            await pilot.press("escape")
            await paste(pilot, text)
            await asyncio.sleep(0.3)
            await settle(pilot)
            await pilot.press("enter")
            await settle(pilot)
        screen = seen(pilot.app)
        assert "Who books the room?  → ask the conversation" in screen
        assert "Translate this into German  → instruction" in screen
        await pilot.press("shift+tab", "g")
        await settle(pilot)
    asked = [(ask.task, ask.request, ask.wish, len(dialogue.turns)) for dialogue, ask in assistant.asked]
    assert asked == [
        ("summary", "", "", 3),
        ("question", "Who books the room?", "", 3),
        ("instruction", "Translate this into German", "", 3),
        ("instruction", "Translate this into German", "Focus on the room.", 3),
        ("instruction", "Translate this into German", "Focus on the room.", 3),
    ]


async def test_a_question_of_a_kept_chat_is_asked_again_as_it_was() -> None:
    async with opened(an_app(ScriptedAssistant("Tom does."))) as pilot:
        await settle(pilot)
        for text in (STANDUP, "Who books the room?"):
            await paste(pilot, text)
            await pilot.press("enter")
            await settle(pilot)
    assistant = ScriptedAssistant("Tom.")
    async with opened(an_app(assistant, continue_last=True)) as pilot:
        await settle(pilot)
        await settle(pilot)
        assert "Who books the room?" in seen(pilot.app)
        await paste(pilot, "/again")
        await pilot.press("enter")
        await settle(pilot)
    ((dialogue, asked),) = assistant.asked
    assert (asked.task, asked.request, len(dialogue.turns)) == ("question", "Who books the room?", 3)


async def test_an_instruction_needs_no_conversation() -> None:
    assistant = ScriptedAssistant("Roses are red.")
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await paste(pilot, "Write a line about roses")
        await asyncio.sleep(0.3)
        await settle(pilot)
        assert "Enter → instruction" in seen(pilot.app)
        await pilot.press("enter")
        await settle(pilot)
        assert "Roses are red." in seen(pilot.app)
    ((dialogue, asked),) = assistant.asked
    assert (asked.task, dialogue.turns) == ("instruction", ())


def test_what_nobody_said_is_counted_beside_the_conversation() -> None:
    text = "[12:01] Maya created group X\n[12:03] Maya: Hi.\n[12:04] Maya: <Media omitted>\n[12:05] Tom: Hello."
    assert describe(parse(text)) == "WhatsApp · 2 messages · 2 people · 1 notice, 1 picture or file left out"
