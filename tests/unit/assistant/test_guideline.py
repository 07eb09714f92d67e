"""The rating guideline: ours until the user edits it, and never unnoticed."""

import pytest

from assistant.errors import UsageError
from assistant.feedback.guideline import edit_guideline, guideline_file, load_guideline


def test_the_guideline_says_what_to_prefer_when_to_tie_and_when_to_fail() -> None:
    guideline = load_guideline()
    for word in ("Correct", "length itself is no merit", "honest", "harmless", "Tie:", "Fail:"):
        assert word in guideline.text
    assert "wrong fact" in guideline.reasons["down"]
    assert not guideline_file().exists()


def test_an_edited_copy_has_another_version_and_an_unedited_one_the_same() -> None:
    ours = load_guideline()
    path = edit_guideline()
    assert load_guideline() == ours
    path.write_text(path.read_text().replace("Readable.", "Rhymed."))
    theirs = load_guideline()
    assert "Rhymed." in theirs.text
    assert theirs.version != ours.version
    path.write_text(path.read_text().replace("invented", "made up"))
    assert load_guideline().version not in (ours.version, theirs.version)
    theirs = load_guideline()
    assert edit_guideline() == path
    assert load_guideline() == theirs  # a second edit does not start over


@pytest.mark.parametrize("content", ["text = ", "text = 1", 'text = "a"', '[reasons]\nsideways = ["a"]\n'])
def test_a_copy_that_cannot_be_read_is_named_in_one_line(content: str) -> None:
    path = edit_guideline()
    path.write_text(content)
    with pytest.raises(UsageError, match=r"guideline\.toml.*delete it") as caught:
        load_guideline()
    assert "\n" not in str(caught.value)
