"""WhatsApp's exports in generated locales, names and texts: nothing that anybody said is lost, and order is kept."""

from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.dialogue import parse, render_turns

_STAMPS = (
    "{d:02d}/{m:02d}/2024, {h:02d}:{n:02d} - {rest}",
    "{d}/{m}/24, {c}:{n:02d}\u202f{p} - {rest}",
    "[{m}/{d}/24, {c}:{n:02d}:07 {p}] {rest}",
    "\u200e[{d:02d}.{m:02d}.24, {h:02d}:{n:02d}:07] {rest}",
    "{d:02d}.{m:02d}.24, {h:02d}:{n:02d} - {rest}",
    "{d:02d}/{m:02d}/2024 à {h:02d}:{n:02d} - {rest}",
    "{d}.{m}.2024 klo {h}.{n:02d} - {rest}",
    "{d}/{m}/2024, {c}:{n:02d} {q} - {rest}",
    "2024-{m:02d}-{d:02d}, {c}:{n:02d} {q} - {rest}",
    "2024/{m}/{d} {h:02d}:{n:02d} - {rest}",
    "[2024/{m}/{d} 午後{c}:{n:02d}:07] {rest}",
    "{d:02d}-{m:02d}-2024 {h:02d}:{n:02d} - {rest}",
    "2024년 {m}월 {d}일 오후 {c}:{n:02d}, {rest}",
    "{d:02d}/{m:02d}/2024 {h:02d}:{n:02d}:07: {rest}",
)
_ARABIC = str.maketrans("0123456789,", "٠١٢٣٤٥٦٧٨٩،")
_WORDS = ("Ana", "María", "von", "der", "Ölçer", "王", "伟", "كريم", "Olga", "O'Neil", "🌸", "Plumber", "(work)", "Jr")
_NAMES = (
    st.lists(st.sampled_from(_WORDS), min_size=1, max_size=8).map(" ".join).filter(lambda name: name[0] not in "(🌸v'")
)
_LINES = st.sampled_from(
    [
        "see you at 12:30 then",
        "10:30 dentist: bring the card",
        "note: it is the 3/4 part",
        "yes!! 😂",
        "¿A qué hora?",
        "وقت الغداء",
        "明日の会議は何時ですか",
        "http://example.org/a:b",
        "ok",
    ]
)
_MESSAGES = st.lists(st.tuples(st.integers(0, 2), st.lists(_LINES, min_size=1, max_size=3)), min_size=4, max_size=12)


@settings(max_examples=300)
@given(
    stamp=st.sampled_from(_STAMPS),
    names=st.lists(_NAMES, min_size=3, max_size=3, unique=True),
    messages=_MESSAGES,
    day=st.integers(1, 28),
    month=st.integers(1, 12),
    is_arabic=st.booleans(),
)
def test_every_line_that_was_sent_is_read_as_its_sender_s(
    stamp: str, names: list[str], messages: list[tuple[int, list[str]]], day: int, month: int, is_arabic: bool
) -> None:
    written = []
    for number, (who, lines) in enumerate(messages):
        hour = 1 + number % 11
        fields = {"d": day, "m": month, "h": hour, "c": hour, "n": 10 + number, "p": "AM", "q": "a.\u00a0m."}
        start = stamp.format(**fields, rest="")
        start = start.translate(_ARABIC) if is_arabic else start
        written.append(f"{start}{names[who]}: " + "\n".join(lines))

    dialogue = parse("\n".join(written))

    assert dialogue.format == "chat" and dialogue.left_out == 0
    assert [turn.text for turn in dialogue.turns] == [" ".join(" ".join(lines).split()) for _, lines in messages]
    readings = dict(zip([names[who] for who, _ in messages], [turn.speaker for turn in dialogue.turns], strict=True))
    assert [turn.speaker for turn in dialogue.turns] == [readings[names[who]] for who, _ in messages]
    assert parse(render_turns(dialogue)).speakers == dialogue.speakers


_PIECES = st.sampled_from(
    [
        "12/03/2024, 12:03 - Ana: hello",
        "12/03/2024, 12:04 - Ben: <Media omitted>",
        "12/03/2024, 12:05 - Ana added Ben",
        "12/03/2024, 12:06 - Ben: fine",
        "it goes on here",
        "12:40 lunch",
        "Ben: quoted by hand",
        "12/03/2024, 12:07 - This message was deleted",
    ]
)


@settings(max_examples=300)
@given(st.lists(_PIECES, min_size=1, max_size=14))
def test_every_line_is_in_a_turn_or_counted(pieces: list[str]) -> None:
    text = "\n".join(
        ["12/03/2024, 12:00 - Ana: start", *pieces, "12/03/2024, 12:59 - Ben: end", "12/03/2024, 13:00 - Ana: bye"]
    )
    dialogue = parse(text)

    said = " ".join(turn.text for turn in dialogue.turns)
    spoken = {"12/03/2024, 12:03 - Ana: hello": "hello", "12/03/2024, 12:06 - Ben: fine": "fine"}
    for piece in pieces:
        unsaid = piece.endswith(("<Media omitted>", "added Ben", "deleted"))
        assert unsaid or spoken.get(piece, piece) in said
    assert dialogue.left_out == sum(piece.endswith(("<Media omitted>", "added Ben", "deleted")) for piece in pieces)
