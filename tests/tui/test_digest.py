"""The digest in the app: what a conversation is answered with unless a model's text is wanted."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from assistant.feedback.store import Store
from assistant.marking import own_weights
from assistant.records import GenerationSettings
from assistant.settings import ModelSettings, Settings
from assistant.tui.app import AssistantApp
from assistant.tui.digests.listing import DigestList
from assistant.tui.digests.message import MessageScreen
from assistant.tui.widgets.composer import Composer
from assistant.tui.widgets.transcript.answer import AnswerView
from tests.tui.screens import opened, paste, said, seen, settle, until

_TALK = "\n".join(
    [
        "Maya: Did you book the room for the workshop on 14 May?",
        "Tom: Not yet. Room 4 costs 120 euros for the day.",
        "Maya: That's fine, take it. Can you send me the invoice?",
        "Tom: Sure, I'll send it tomorrow.",
    ]
)


def _app(model: Path) -> AssistantApp:
    greedy = GenerationSettings(decoding="greedy", max_new_tokens=8)
    return AssistantApp(Settings(model=ModelSettings(ref=str(model), threads=1), generation=greedy))


async def test_a_conversation_is_answered_with_its_digest_and_kept(tiny_model: Path) -> None:
    app = _app(tiny_model)
    async with opened(app, (110, 40)) as pilot:
        await until(pilot, "digest")
        await paste(pilot, _TALK)
        await pilot.press("enter")
        await until(pilot, "To do")
        screen = seen(app)
        assert "120 euros" in screen and "Tom · send" in screen and "not checked" not in screen
        (view,) = app.chat.query(AnswerView)
        assert view.answer is not None and view.answer.completion.model == "digest"
        store = app.keeper.store()
        assert store.completions.get(view.answer.completion.id).answer == view.answer.completion.answer


async def test_shorter_gives_a_shorter_digest(tiny_model: Path) -> None:
    app = _app(tiny_model)
    async with opened(app, (110, 40)) as pilot:
        await paste(pilot, _TALK)
        await pilot.press("enter")
        await until(pilot, "To do")
        await pilot.press(*"shorter", "enter")
        await settle(pilot)
        await settle(pilot)
        first, second = app.chat.query(AnswerView)
        assert first.answer is not None and second.answer is not None
        assert second.answer.completion.model == "digest"
        assert len(second.text.split()) < len(first.text.split())


@asynccontextmanager
async def digested(model: Path, size: tuple[int, int] = (110, 40), talk: str = _TALK) -> AsyncIterator[Pilot[None]]:
    """The app with the digest of the talk, the composer in focus."""
    app = _app(model)
    async with opened(app, size) as pilot:
        for _ in range(600):
            if app.model.state == "ready":
                break
            await pilot.pause(0.05)
        await paste(pilot, talk)
        await pilot.press("enter")
        await until(pilot, "To do")
        yield pilot


def chosen(pilot: Pilot[None]) -> str:
    """What the chosen part says, "" for none."""
    item = pilot.app.screen.query_one(DigestList).item
    return item.line if item else ""


async def test_arrows_walk_over_points_and_to_dos_and_back_to_the_answer(tiny_model: Path) -> None:
    async with digested(tiny_model) as pilot:
        await pilot.press("shift+tab")
        assert isinstance(pilot.app.focused, AnswerView), "the answer as a whole comes first, to be rated"
        walked = []
        parts = len(pilot.app.screen.query_one(DigestList).lines)
        for _ in range(parts + 1):
            await pilot.press("down")
            walked.append(chosen(pilot))
        assert "▸ Tom · " in seen(pilot.app)
        assert [line.split(":")[0] for line in walked[:3]] == ["Maya", "Tom", "Decided"]
        assert walked[3].startswith("Tom · send"), "to-dos come after points"
        assert walked[-1] == walked[-2], "it stops at the last"
        await pilot.press(*["up"] * parts)
        assert isinstance(pilot.app.focused, AnswerView) and not chosen(pilot)


async def test_enter_opens_the_conversation_at_the_message(tiny_model: Path) -> None:
    async with digested(tiny_model) as pilot:
        pilot.app.clear_notifications()
        await pilot.press("shift+tab", "down", "down", "enter")
        await settle(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, MessageScreen)
        assert "Message 2 of 4" in seen(pilot.app) and "Maya: That's fine, take it." in seen(pilot.app)
        marked = [
            segment.text
            for strip in screen._compositor.render_strips(pilot.app.size)
            for segment in strip
            if segment.style and segment.style.underline
        ]
        assert "".join(marked).strip() == "Not yet. Room 4 costs 120 euros for the day."
        await pilot.press("escape")
        assert chosen(pilot).startswith("Tom: Not yet."), "the part is still chosen"
        await pilot.press("down", "down", "enter")
        assert "Message 3 of 4" in seen(pilot.app), "a to-do opens the message that asks for it"


async def test_a_click_chooses_a_part(tiny_model: Path) -> None:
    async with digested(tiny_model) as pilot:
        await pilot.click(DigestList, offset=(6, 1))
        assert chosen(pilot).startswith("Tom: Not yet.")


async def test_a_letter_without_a_meaning_in_the_list_is_typed_whole(tiny_model: Path) -> None:
    async with digested(tiny_model) as pilot:
        await pilot.press("shift+tab", "down", "down", *"how long", "enter", "shift+tab")
        await settle(pilot)
        assert "how long" in seen(pilot.app).replace("╭", "")
        assert not chosen(pilot), "the list is left"


async def test_escape_goes_back_to_writing(tiny_model: Path) -> None:
    async with digested(tiny_model) as pilot:
        await pilot.press("shift+tab", "down", "escape", *"x+c")
        assert pilot.app.screen.query_one(Composer).whole_text == "x+c"


async def test_c_copies_the_digest_as_markdown(tiny_model: Path) -> None:
    async with digested(tiny_model) as pilot:
        await pilot.press("shift+tab", "down", "c")
        lines = pilot.app.clipboard.splitlines()
        assert lines[1] == "- Tom: Not yet. Room 4 costs 120 euros for the day."
        assert "## To do" in lines and any(line.startswith("- [ ] Tom · send") for line in lines)


async def test_keys_are_about_the_digest_whose_part_is_chosen(tiny_model: Path) -> None:
    async with digested(tiny_model, (110, 60)) as pilot:
        await paste(pilot, "Ana: The lease ends on 3 June.\nBo: Then we hand the keys over on 2 June at noon.")
        await pilot.press("enter")
        await until(pilot, "lease ends")
        await pilot.click(pilot.app.screen.query(DigestList).first(), offset=(6, 1))
        await pilot.press("c")
        assert "120 euros" in pilot.app.clipboard and "lease" not in pilot.app.clipboard


async def test_x_writes_the_to_dos_and_never_over_a_file(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "to-dos.md").write_text("mine")
    async with digested(tiny_model) as pilot:
        await pilot.press("shift+tab", "down", "x", "enter")
        await until(pilot, "to-dos-2.md")
        await pilot.press("escape", *"/todos json", "enter")
        await until(pilot, "to-dos.json")
        await pilot.press(*"/todos doc", "enter")
        await settle(pilot)
        assert "there are md, ics and json" in said(pilot.app)
    assert (tmp_path / "to-dos.md").read_text() == "mine"
    assert (tmp_path / "to-dos-2.md").read_text().startswith("- [ ] Tom · send")
    assert json.loads((tmp_path / "to-dos.json").read_text())[0]["who"] == "Tom"


async def test_a_kept_digest_is_a_list_again(tiny_model: Path) -> None:
    async with digested(tiny_model):
        pass
    app = _app(tiny_model)
    app._continue_last = True
    async with opened(app, (110, 40)) as pilot:
        await until(pilot, "To do")
        await pilot.press("shift+tab", "down", "down", "enter")
        await settle(pilot)
        assert "Message 2 of 4" in seen(app)


async def test_the_chosen_part_of_a_long_digest_is_in_view(tiny_model: Path) -> None:
    async with digested(tiny_model, (80, 15)) as pilot:
        await pilot.press("shift+tab", "down")
        await settle(pilot)
        assert "▸ Maya" in seen(pilot.app)
        await pilot.press("down", "down", "down")
        await settle(pilot)
        assert "▸ Tom · send" in seen(pilot.app)


async def test_plus_keeps_a_part_minus_drops_it_and_twice_takes_it_back(tiny_model: Path) -> None:
    async with digested(tiny_model) as pilot:
        await pilot.press("shift+tab", "down", "down", "plus")
        await until(pilot, "the next digest follows")
        await pilot.press("down", "minus", "down", "plus", "plus")
        await until(pilot, "Taken back")
        screen = seen(pilot.app)
        assert "+ Tom: Not yet." in screen and "- Decided: Maya" in screen and "+ Tom · send" not in screen
        await pilot.press("c")
        assert "Decided: Maya" not in pilot.app.clipboard, "what was dropped is not copied"
    with Store.open() as store:
        dropped, kept = store.judgements.marks()
        # "Not yet." has no amount, the sentence behind it has: half of the two.
        assert (kept.says, kept.text, kept.numbers["amount"]) == ("keep", _TALK.splitlines()[1][5:], 0.5)
        assert (dropped.says, dropped.part) == ("drop", "decision")
        assert store.judgements.ratings() == [], "+ on a part is no rating of the answer"
        (taken_back,) = (mark for mark in store.judgements.marks(history=True) if mark.ended)
        assert taken_back.numbers["to-do of Tom"] == 1.0
        weights = own_weights(store)
    assert weights is not None and weights["amount"] > 0


async def test_t_puts_a_to_do_right_and_files_have_it_so(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with digested(tiny_model) as pilot:
        await pilot.press("shift+tab", "down", "t")
        await settle(pilot)
        assert "Only to-dos" in said(pilot.app)
        await pilot.press("down", "down", "down", "t")
        await settle(pilot)
        await pilot.press(
            *["backspace"] * 3, *"Ana", "tab", "ctrl+u", *"2026-05-03", "tab", "space", "shift+tab", "enter"
        )
        await until(pilot, "Ana · send me the invoice")
        assert "done" in next(line for line in seen(pilot.app).splitlines() if "Ana · send" in line)
        await pilot.press("x", *"json", "enter")
        await until(pilot, "to-dos.json")
    with Store.open() as store:
        assert store.judgements.marks()[0].numbers["to-do of Tom"] == 1.0, "it teaches by whom it was found for"
    todo, *_ = json.loads((tmp_path / "to-dos.json").read_text())
    assert (todo["who"], todo["date"], todo["done"]) == ("Ana", "2026-05-03", True)
    app = _app(tiny_model)
    app._continue_last = True
    async with opened(app, (110, 40)) as pilot:
        await until(pilot, "Ana · send me the invoice")


async def test_plus_on_the_answer_as_a_whole_still_rates_it(tiny_model: Path) -> None:
    async with digested(tiny_model) as pilot:
        await pilot.press("shift+tab", "plus")
        await until(pilot, "Rated")
    with Store.open() as store:
        assert [rating.thumb for rating in store.judgements.ratings()] == ["up"]
        assert store.judgements.marks() == []


async def test_evidence_of_a_digest_without_a_model_s_text_points_to_its_parts(tiny_model: Path) -> None:
    async with digested(tiny_model) as pilot:
        await pilot.press("shift+tab", "e")
        await until(pilot, "Everything here is quoted")
