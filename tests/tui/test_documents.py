"""Questions to the user's documents in the app: sources on the screen, opened in their document, and the screen of
the folders. The catalog, FAISS and the store are real.
"""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from assistant.conversation import Assistant
from assistant.feedback.store import Store
from assistant.settings import KnowledgeSettings, ModelSettings, Settings
from assistant.tui.app import AssistantApp
from assistant.tui.screens.knowledge import KnowledgeScreen
from assistant.tui.screens.passage import PassageScreen
from assistant.tui.widgets.transcript.sources import shortened, stems
from knowledge.search.embedder import PassageText, PassageVectors
from tests.tui.screens import opened, seen, settle, until
from tests.unit.knowledge.embedders import WordEmbedder
from tests.unit.knowledge.samples import FACT, OTHER, pdf

QUESTION = "When does the harbour office open at half past seven?"


@pytest.fixture(autouse=True)
def words_for_minilm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.answering.library.open_embedder", lambda name, cache, **_: WordEmbedder())


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "rules.pdf").write_bytes(pdf("Welcome to Lindmark, a town of ropes.", FACT))
    (folder / "mooring.txt").write_text(f"Mooring\n\n{OTHER}\n")
    (folder / "broken\n\x1b[31m.json").write_text('{"')
    return folder


@pytest.fixture
def app(tiny_model: Path) -> AssistantApp:
    settings = Settings(model=ModelSettings(ref=str(tiny_model)), knowledge=KnowledgeSettings(answers="quote"))
    assistant = Assistant(settings, store=Store.open())
    return AssistantApp(settings, assistant=assistant, clock=lambda: 0.0, order=range)


def _index(docs: Path) -> None:
    from assistant.answering import open_library

    with open_library(KnowledgeSettings()) as library:
        library.add([docs])


def test_a_question_is_answered_with_its_source_which_opens_in_the_document(app: AssistantApp, docs: Path) -> None:
    _index(docs)

    async def scenario() -> None:
        async with opened(app) as pilot:
            await settle(pilot)
            app.chat.parts.composer.load(QUESTION)
            await until(pilot, "ask the documents")
            await pilot.press("enter")
            await until(pilot, f"{FACT} [1]")
            screen = seen(app)
            assert f"{FACT} [1]" in screen
            assert "rules.pdf p. 2" in screen
            assert not app.chat.requests.is_writing
            (view,) = app.chat.parts.transcript.answers
            assert view.answer is not None
            assert view.answer.completion.passage_ids
            view.focus()
            await pilot.press("s", "enter")
            await settle(pilot)
            assert isinstance(app.screen, PassageScreen)
            assert "rules.pdf · page 2" in seen(app)
            assert FACT in seen(app)
            await pilot.press("escape")
            # A kept answer finds its sources again.
            app.chat.kept.open_chat(app.keeper.chat())
            await settle(pilot)
            (again,) = app.chat.parts.transcript.answers
            again.focus()
            await pilot.press("s")
            await settle(pilot)
            assert "rules.pdf p. 2" in seen(app)
            await pilot.press("plus")

    asyncio.run(scenario())


def test_without_documents_it_says_how_to_add_some(app: AssistantApp) -> None:
    async def scenario() -> None:
        async with opened(app) as pilot:
            await settle(pilot)
            await app.chat.run_action("screen.run('composing.ask_documents', 'When does the harbour office open?')")
            await settle(pilot)
            assert "There are no documents yet: press F8 to add a file or folder." in seen(app)

    asyncio.run(scenario())


def test_what_the_documents_do_not_hold_is_said_with_the_nearest_place(app: AssistantApp, docs: Path) -> None:
    _index(docs)

    async def scenario() -> None:
        async with opened(app) as pilot:
            await settle(pilot)
            await app.chat.run_action("screen.run('composing.ask_documents', 'Who composed the opera about a barber?')")
            await settle(pilot)
            assert "Not in your documents." in seen(app)
            assert not app.chat.requests.is_writing
            app.chat.kept.open_chat(app.keeper.chat())
            await settle(pilot)
            again = seen(app)
            assert "Not in your documents. Nothing was written." in again and "nearest: " in again
            assert "Who composed" in again.split("\n")[0]  # what follows depends on the room

    asyncio.run(scenario())


def test_a_folder_is_added_searched_and_forgotten(app: AssistantApp, docs: Path) -> None:
    async def scenario() -> None:
        async with opened(app, (200, 30)) as pilot:
            await settle(pilot)
            await pilot.press("f8")
            await settle(pilot)
            assert isinstance(app.screen, KnowledgeScreen)
            assert "No folder yet" in seen(app)
            app.screen.query_one(Input).value = str(docs)
            await pilot.press("enter")
            await until(pilot, "2 files · 3 passages")
            await until(pilot, "1 skipped")
            await until(pilot, "damaged: not JSON")
            assert "\x1b" not in seen(app)
            assert app.document_files == 2
            app.screen.query_one(Input).value = "boats at the pier"
            await pilot.press("enter")
            await until(pilot, "mooring.txt")
            app.screen._list.highlighted = 0
            await app.screen.run_action("forget")
            await settle(pilot)
            await pilot.press("down", "enter")
            await settle(pilot)
            assert app.document_files == 0
            await pilot.press("escape")
            assert app.screen is app.chat

    asyncio.run(scenario())


def test_reading_can_be_stopped_and_goes_on_from_there(app: AssistantApp, docs: Path) -> None:
    async def scenario() -> None:
        async with opened(app) as pilot:
            await settle(pilot)
            told: list[object] = []

            def stop_at_once(message: object) -> None:
                told.append(message)
                app.documents.stop()

            app.documents.follow(told.append)
            app.documents._follower = stop_at_once
            app.in_background(lambda: app.documents.add(str(docs)), "indexing")
            await settle(pilot)
            files = [news.files for news in told if hasattr(news, "files")]
            assert files[-1] < 2
            app.documents.follow(told.append)
            app.in_background(app.documents.update, "indexing")
            await settle(pilot)
            assert told[-1].files == 2  # type: ignore[attr-defined]

    asyncio.run(scenario())


async def _shows(pilot: Pilot[None], text: str) -> None:
    """Wait for a text while a thread is at work, which `until` would wait for."""
    for _ in range(400):
        await pilot.pause(0.05)
        if text in seen(pilot.app):
            return
    raise AssertionError(f"{text!r} did not come:\n{seen(pilot.app)}")


def test_a_screen_that_is_opened_while_files_are_read_shows_how_far_it_is(app: AssistantApp, docs: Path) -> None:
    seen_by_person = threading.Event()

    class SlowEmbedder(WordEmbedder):
        def embed_passages(self, passages: Sequence[PassageText]) -> list[PassageVectors]:
            if "Lindmark" in passages[0].text:
                seen_by_person.wait(60)
            return super().embed_passages(passages)

    async def scenario() -> None:
        async with opened(app) as pilot:
            await settle(pilot)
            await pilot.press("f8")
            await until(pilot, "No folder yet")
            app.screen.query_one(Input).value = str(docs)
            await pilot.press("enter")
            await _shows(pilot, "2 of 3 files")
            await _shows(pilot, "1 file · 1 passage")
            await pilot.press("escape")
            await _shows(pilot, "Model: ")
            await app.chat.run_action("screen.run('composing.ask_documents', 'Who composed the opera?')")
            await _shows(pilot, "Not in what is indexed so far: ask again")
            await pilot.press("f8")
            await _shows(pilot, "2 of 3 files")
            assert "rules.pdf" in seen(app)
            assert "1 file · 1 passage" in seen(app)
            seen_by_person.set()
            await until(pilot, "2 files · 3 passages")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("assistant.answering.library.open_embedder", lambda name, cache, **_: SlowEmbedder())
        patch.setattr("assistant.tui.workers.documents.STATE_SECONDS", 0.0)
        patch.setattr("assistant.tui.workers.documents.NEWS_SECONDS", 0.0)
        asyncio.run(scenario())


def test_an_excerpt_begins_where_the_words_that_were_searched_for_stand() -> None:
    text = (
        "Welcome to the town. " * 20 + "Boats are moored at the eastern pier, where boats lie safe. " + "Ropes. " * 20
    )
    wanted = stems("boats at the eastern pier")
    excerpt = shortened(text, 100, wanted)
    assert excerpt.startswith("…")
    assert "Boats are moored at the eastern pier" in excerpt
    assert len(excerpt) <= 100
    # As many in the beginning: it stays.
    assert shortened("A pier. " + text, 100, stems("pier")).startswith("A pier. Welcome")
    # Words without a space before them.
    assert "pier" in shortened("x" * 300 + "-pier-" + "y" * 300, 100, stems("pier"))
