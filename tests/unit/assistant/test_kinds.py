"""What an answer is about."""

import pytest

from assistant.scoring.kinds import kind_of

LONG = "The mill was built by the river in 1820. " * 15  # 135 words


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Maya: Can you come?\nTom: Yes.\nMaya: Great.", "conversation"),
        # Four lines, three of which are turns.
        ("Summarize this conversation.\nMaya: Can you come?\nTom: Yes.\nMaya: Great.", "conversation"),
        ("Customer: My line is down.\nAgent: Since when?\nCustomer: Since noon.", "conversation"),
        ("Human: Hi.\n\nAssistant: Hello!\n\nHuman: Write a poem.", "chat"),
        ("User: Write a poem about\nsnow: white snow.", "request"),
        ("Maya: Can you come?\nUser: What did Maya ask?", "chat"),
        # Nobody comes back.
        ("Mill: built in 1820.\nRiver: the Aare.", "request"),
        ("Mill: built in 1820.\nMill: burnt in 1900.\nRiver: long.\nQuestion: when was the mill built?", "passages"),
        (LONG, "passages"),
        ("Write a poem.", "request"),
        ("", "request"),
    ],
)
def test_kinds_are_told_by_their_lines(text: str, kind: str) -> None:
    assert kind_of(text) == kind
