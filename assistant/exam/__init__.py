"""The exam: measures how much of a conversation a model's summaries cover, and how many of their claims are wrong."""

from assistant.exam.grading import Question, grade, load_questions
from assistant.exam.sitting import ExamResult, known_result, sit_exam

__all__ = ["ExamResult", "Question", "grade", "known_result", "load_questions", "sit_exam"]
