"""Answers questions from the user's documents; called by screen and command line, like `conversation`."""

from assistant.answering.answers import DocumentAnswer as DocumentAnswer
from assistant.answering.library import explained as explained
from assistant.answering.library import open_library as open_library
from assistant.answering.question import Found as Found
from assistant.answering.question import answer_question as answer_question
