from assistant.digest import make_digest, render
from tests.unit.assistant.digest.talks import talk

_GARDEN = [
    "The tomatoes need water every morning in bed {n}.",
    "I pruned {n} roses in the garden.",
    "Compost for {n} beds came.",
]
_ROUTER = [
    "The router in room {n} drops packets.",
    "Firmware {n} of the router fixes the packets.",
    "Cable {n} of the switch is loose.",
]


def test_a_long_conversation_is_cut_where_its_words_change() -> None:
    names = ("Ana", "Ben")
    lines = [f"{names[at % 2]}: {(_GARDEN if at < 120 else _ROUTER)[at % 3].format(n=at)}" for at in range(240)]
    digest = make_digest(talk(*lines))
    edges = [topic.start for topic in digest.topics]
    assert any(abs(edge - 120) <= 6 for edge in edges)
    assert digest.topics[0].start == 0
    assert digest.topics[-1].end == 240
    assert all(first.end == second.start for first, second in zip(digest.topics, digest.topics[1:], strict=False))
    last = digest.topics[-1].title.lower()
    assert "router" in last or "packets" in last
    assert all(any(topic.start <= point.turn < topic.end for point in digest.points) for topic in digest.topics)
    assert digest.topics[-1].title in render(digest)


def test_a_short_one_has_no_topics() -> None:
    assert not make_digest(talk("Ana: The tomatoes need water.", "Ben: ok")).topics


def test_a_title_names_subjects_and_no_words_that_fit_any_talk() -> None:
    lines = (
        "Ana: Do you need anything checked?",
        "Ben: The ledger needs help, check the ledger.",
        "Ana: Ledger it is.",
    )
    title = make_digest(talk(*lines)).title.lower()
    assert "ledger" in title
    assert not {"need", "needs", "anything", "check", "checked", "help"} & set(title.split(", "))
