"""Files damaged at random are read as far as they go or refused with a reason; nothing else happens."""

import json
import zipfile
from io import BytesIO

import pytest

from knowledge.errors import DocumentUnreadable
from knowledge.loaders import load
from tests.unit.knowledge.mutations import mutated
from tests.unit.knowledge.samples import SAMPLES, sample

_TRIED = 20


@pytest.mark.parametrize("suffix", [*SAMPLES, ".py"])
def test_a_damaged_file_is_read_or_refused_in_plain_words(suffix: str) -> None:
    for number in range(_TRIED):
        try:
            load("a" + suffix, mutated(sample(suffix), f"{suffix}{number}"))
        except DocumentUnreadable as error:
            reason = str(error)
            assert "\n" not in reason and len(reason) < 120
            assert not any(word.strip(":").endswith(("Error", "Exception", "NotFound")) for word in reason.split())


def test_a_word_file_without_its_text_is_damaged_and_the_advice_is_said() -> None:
    written = BytesIO()
    with zipfile.ZipFile(BytesIO(sample(".docx"))) as archive, zipfile.ZipFile(written, "w") as other:
        for name in archive.namelist():
            if name != "word/document.xml":
                other.writestr(name, archive.read(name))
    with pytest.raises(DocumentUnreadable, match=r"damaged: not what a \.docx file holds; open it and save it anew"):
        load("a.docx", written.getvalue())


def test_an_old_spreadsheet_that_breaks_its_parser_is_refused() -> None:
    # Cut inside a sector of 512 bytes: calamine panics, which no `except Exception` catches.
    content = sample(".xls")
    with pytest.raises(DocumentUnreadable, match="damaged: not a complete spreadsheet file"):
        load("a.xls", content[: len(content) - 500])


def test_a_mailbox_is_read_though_the_day_of_one_message_cannot_be() -> None:
    content = sample(".mbox").replace(b"Tue, 3 Mar 2026", b"Tue, 3 Mar 99999999999999999999")
    assert "The crane is out of order." in load("a.mbox", content).text


def test_a_notebook_of_other_things_than_cells_is_refused() -> None:
    with pytest.raises(DocumentUnreadable, match=r"damaged: not what a \.ipynb file holds"):
        load("a.ipynb", json.dumps({"cells": [None]}).encode())
