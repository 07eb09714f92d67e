"""Every screen and dialog of the app, with the keys that open it and as much content as possible."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from textual.pilot import Pilot

from assistant.feedback.store import Store
from assistant.records import GenerationSettings
from assistant.settings import ModelSettings, Settings
from assistant.tui.app import AssistantApp
from assistant.tui.messages import DocumentsChanged, PassageOpened, PassagesFound, PullMoved, Root, Source
from tests.doubles import ScriptedAssistant
from tests.tui.screens import BY_MODEL, an_app, paste, settle, until

TALK = "\n".join(
    [
        "Maya: Did you book the room for the workshop on 14 May?",
        "Tom: Not yet. Room 4 costs 120 euros for the day, and room 7 is free until noon only.",
        "Maya: That's fine, take room 4. Can you send me the invoice?",
        "Tom: Sure, I'll send it tomorrow.",
        *[f"{'Ana' if number % 2 else 'Ben'}: We decided to bring chair number {number}." for number in range(20)],
        "Ana: Who orders the coffee?",
    ]
)
_SENTENCES = (
    "Maya asks Tom about the room for the workshop. ",
    "Tom will send the invoice tomorrow. ",
    "Zoltan pays 300 euros for the room in Paris. ",
    "Ana and Ben decided to bring twenty chairs. ",
)
DRAFTS = tuple("".join(_SENTENCES[turn:] + _SENTENCES[:turn]).strip() for turn in range(4))
SAMPLED = Settings(summary=BY_MODEL, generation=GenerationSettings(decoding="sample", drafts=4))
QUOTED = Settings()
"""The default settings: a conversation gets a digest."""
SOURCE = Source("p1", "/home/maya/notes/harbour rules.pdf", 2, 400, 480, "The office opens at eight. " * 9)

Play = Callable[[Pilot[None]], Awaitable[None]]


class Scene(NamedTuple):
    """How to reach a screen, and with which settings. `keys` are texts that the screen's key hints must contain."""

    play: Play
    keys: tuple[str, ...]
    settings: Settings = Settings(summary=BY_MODEL)


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys, and wait until the screen has settled."""
    await settle(pilot)
    await pilot.press(*keys)
    await settle(pilot)


def then(*keys: str, before: Play = settle) -> Play:
    """A play that presses these keys in a new chat, or after another play."""

    async def play(pilot: Pilot[None]) -> None:
        await before(pilot)
        await press(pilot, *keys)

    return play


def command(line: str, before: Play = settle) -> Play:
    """A play that sends a slash command."""

    async def play(pilot: Pilot[None]) -> None:
        await before(pilot)
        await paste(pilot, line)
        await press(pilot, "enter")

    return play


async def answered(pilot: Pilot[None]) -> None:
    """Send a conversation and wait for the answer."""
    await settle(pilot)
    await paste(pilot, TALK)
    await press(pilot, "enter")
    await settle(pilot)


async def typed(pilot: Pilot[None]) -> None:
    """Paste a conversation that could also be a question, without sending it."""
    await answered(pilot)
    await paste(pilot, TALK)
    await until(pilot, "F7 changes")


async def being_documented(pilot: Pilot[None]) -> None:
    """Show two folders of documents, one with more skipped files than the screen names, and search hits."""
    await press(pilot, "f8")
    skipped = tuple(f"/home/maya/notes/a long name of a picture {number}.jpg: not a text" for number in range(9))
    roots = [Root("/home/maya/notes", 12, 340, skipped, True), Root(f"/srv/{'handbooks/' * 8}", 3, 12, (), False)]
    pilot.app.screen.post_message(DocumentsChanged(roots, 15))
    await settle(pilot)
    pilot.app.screen.post_message(PassagesFound("", [SOURCE] * 8, is_likely=False))
    await settle(pilot)


async def in_a_passage(pilot: Pilot[None]) -> None:
    """Show a place in a document."""
    await press(pilot, "f8")
    pilot.app.screen.post_message(PassageOpened(SOURCE, "\n".join(f"Line {n} of the rules." for n in range(400))))
    await settle(pilot)


async def found(pilot: Pilot[None]) -> None:
    """Search all chats, with many hits."""
    with Store.open() as store:
        for number in range(30):
            chat = store.chats.new(f"Plumbing in house {number}")
            store.chats.add_message(chat.id, "user", f"And the boiler in house {number}, the boiler that leaks?")
    await press(pilot, "ctrl+f", *"boiler")
    await until(pilot, "found")


async def listed(pilot: Pilot[None]) -> None:
    """Show the list of chats, with more than fit on the screen."""
    with Store.open() as store:
        for number in range(30):
            store.chats.new(f"Plumbing in house {number}")
    await press(pilot, "ctrl+r")


async def downloading(pilot: Pilot[None]) -> None:
    """Show a running download beside an answer."""
    await answered(pilot)
    pilot.app.post_message(PullMoved("google/flan-t5-base", 310_000_000, 990_000_000, 4e6))
    await settle(pilot)


FOOT = ("F1", "Quit")
SCENES: dict[str, Scene] = {
    "empty": Scene(settle, FOOT),
    "typed": Scene(typed, (*FOOT, "F7 changes", "tokens")),
    "answer": Scene(answered, FOOT),
    "commands": Scene(then("slash", before=answered), (*FOOT, "/new", "Enter run", "Esc close")),
    "selected": Scene(then("shift+tab", before=answered), (*FOOT, "+ good", "Esc write")),
    "sent": Scene(then("shift+tab", "shift+tab", before=answered), (*FOOT, "e edit", "Esc write")),
    "digest": Scene(answered, FOOT, QUOTED),
    "point": Scene(then("shift+tab", "down", "down", "down", before=answered), (*FOOT, "Enter Message"), QUOTED),
    "whole conversation": Scene(then("f10", before=answered), ("Esc close",), QUOTED),
    "message": Scene(then("shift+tab", "down", "enter", before=answered), ("Esc close",), QUOTED),
    "drafts": Scene(answered, FOOT, SAMPLED),
    "ranking": Scene(then("shift+tab", "r", before=answered), ("1-4 place", "Enter save", "Esc later"), SAMPLED),
    "ranked": Scene(
        then("shift+tab", "r", "3", "1", "4", "f", "2", "c", before=answered), ("Enter save", "Esc later"), SAMPLED
    ),
    "evidence": Scene(then("shift+tab", "e", before=answered), ("Esc close",)),
    "reason": Scene(then("shift+tab", "minus", "minus", before=answered), ("Enter", "Esc")),
    "refine": Scene(then("shift+tab", "f", before=answered), ("Enter", "Esc")),
    "prompt": Scene(then("shift+tab", "p", before=answered), ("Esc close",)),
    "panel": Scene(then("f9", before=answered), (*FOOT, "d default")),
    "mode": Scene(then("f3"), ("Enter", "Esc")),
    "task": Scene(then("f5"), ("Enter", "Esc")),
    "model": Scene(then("f6"), ("Enter", "Esc")),
    "download": Scene(command("/pull google/flan-t5-large"), ("Enter", "Esc")),
    "downloading": Scene(downloading, (*FOOT, "Esc stops it")),
    "models": Scene(command("/models"), ("Esc close",)),
    "documents": Scene(then("f8"), ("Esc close",)),
    "documents found": Scene(being_documented, ("Esc close",)),
    "passage": Scene(in_a_passage, ("Esc close",)),
    "training": Scene(then("f4"), FOOT),
    "settings": Scene(then("f2"), ("Enter", "Esc")),
    "a setting": Scene(then("f2", "enter"), ("Enter", "Esc")),
    "search": Scene(found, ("Esc close",)),
    "chats": Scene(listed, ("Enter open", "Esc close")),
    "help": Scene(then("f1"), ("Esc close",)),
    "turns": Scene(then("ctrl+t", before=answered), ("Esc close",)),
    "guideline": Scene(command("/guideline"), ("Esc close",)),
    "stats": Scene(command("/stats"), ("Esc close",)),
    "log": Scene(command("/log"), ("Esc close",)),
    "title": Scene(command("/title", before=answered), ("Enter", "Esc")),
    "palette": Scene(then("ctrl+p"), ()),
}


def app_of(scene: Scene, model: str) -> AssistantApp:
    """The app for a scene. For digests, a real assistant uses the given model, which writes nothing."""
    if scene.settings is QUOTED:
        return AssistantApp(Settings(model=ModelSettings(ref=model, threads=1)), clock=lambda: 0.0)
    return an_app(ScriptedAssistant(*DRAFTS), scene.settings)
