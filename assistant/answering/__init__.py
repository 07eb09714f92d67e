"""Answers from the user's own documents: the use case that screen and command line call, beside `conversation`."""

from assistant.answering.answers import DocumentAnswer as DocumentAnswer
from assistant.answering.library import explained as explained
from assistant.answering.library import open_library as open_library
from assistant.answering.question import Found as Found
from assistant.answering.question import answer_question as answer_question
