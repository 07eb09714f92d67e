"""Splits texts into words for search: stemmed, without function words, and as character pairs in scripts without
spaces.
"""

import re
from collections.abc import Sequence

_FUNCTION_NAMES = """
    a about an and any are as at be been by can could did do does for from had has have he her him his how i if in is
    it its may me must my no not of on or our she should so that the their them then there these they this those to was
    we were what when where which who whom whose why will with would you your
"""
FUNCTION_WORDS = frozenset(_FUNCTION_NAMES.split())
"""Function and question words, which name nothing."""
ASKING = FUNCTION_WORDS | set(
    "many much long old kind name type used called use happen happened during mr mrs ms dr prof".split()  # noqa: SIM905
)
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]+|[^\W{_UNSPACED}]+")
_RUN = re.compile(rf"[{_UNSPACED}]+")
_KANA = re.compile("[\u3040-\u30ff]")
_PARTICLES = re.compile(
    "何時|何曜日|何日|何人|何|いつ|どこ|だれ|誰|どの|くらい|いくら|ですか|ますか|でしょうか|できますか|ことが|[はがをにでのともへ]"
)
_TOPIC = re.compile(rf"([{_UNSPACED}]+?)は")
_BEFORE_TOPIC = re.compile("[のをにでと]")
_ASKING_CHINESE = re.compile("多少钱|多少|什么时候|什么|几点|哪里|谁|怎么|[几吗呢的了是在]")
_ENDING = re.compile(r"(?:ies|ing|ed|es|s|ly|e|y)$")
_SHORT_ENDING = re.compile(r"(?<=[^\W\d_]{2}[^\W\dsu_])s$")  # not of "bus", "less" or "plus"
_IRREGULAR_NAMES = """
    became=become began=begin begun=begin bought=buy broke=break broken=break brought=bring built=build came=come
    caught=catch children=child chose=choose chosen=choose drove=drive fallen=fall feet=foot fell=fall felt=feel
    flew=fly flown=fly found=find gave=give given=give gone=go got=get grew=grow grown=grow heard=hear held=hold
    kept=keep knew=know known=know led=lead left=leave lent=lend lost=lose made=make men=man met=meet paid=pay ran=run
    rose=rise said=say sat=sit saw=see seen=see sent=send sold=sell spent=spend spoke=speak spoken=speak stood=stand
    taken=take taught=teach told=tell took=take went=go women=woman won=win written=write wrote=write
    ate=eat bitten=bite blew=blow blown=blow dealt=deal drank=drink drunk=drink eaten=eat fed=feed fought=fight
    froze=freeze frozen=freeze hidden=hide hung=hang laid=lay lit=light meant=mean rang=ring sang=sing sank=sink
    slept=sleep sought=seek stole=steal stolen=steal stuck=stick swam=swim swept=sweep threw=throw thrown=throw
    tore=tear torn=tear understood=understand woke=wake wore=wear worn=wear
"""
_IRREGULAR = dict(pair.split("=") for pair in _IRREGULAR_NAMES.split())


def words_of(text: str) -> list[str]:
    """Return the words in lower case. A run of Japanese or Chinese becomes its character pairs, in order."""
    words: list[str] = []
    for word in _WORD.findall(text.lower()):
        words += pairs_of(word) if _RUN.match(word) else [word]
    return words


def asked_words(question: str) -> list[str]:
    """Return the words of a question; if its language is not English, without function and question words."""
    if is_unspaced(question):
        return words_of(_PARTICLES.sub(" ", question) if _KANA.search(question) else _ASKING_CHINESE.sub(" ", question))
    words = words_of(question)
    asking = _foreign_function_words(words)
    return [word for word in words if word not in asking]


def topic_of(question: str) -> str:
    """Return the topic of a Japanese question, 休み in 図書館の休みはいつですか; empty if none is marked."""
    found = _TOPIC.search(question)
    return _BEFORE_TOPIC.split(found[1])[-1] if found else ""


def pairs_of(run: str) -> list[str]:
    """Return the overlapping character pairs of a run: "図書館" gives 図書 and 書館."""
    return [run[place : place + 2] for place in range(len(run) - 1)] or [run]


def runs_of(text: str) -> list[str]:
    """Return the runs of Japanese and Chinese in a text."""
    return _RUN.findall(text)


def is_unspaced(text: str) -> bool:
    """Whether most letters of a text are in a script without spaces."""
    letters = sum(map(str.isalpha, text))
    return 2 * sum(map(len, _RUN.findall(text))) > letters > 0


def stem(word: str) -> str:
    """Return at most six letters without a common ending: "opens" and "opening" are equal, as are "dogs" and "dog", or
    "kept" and "keep".
    """
    word = _IRREGULAR.get(word, word)
    bare = (_ENDING if len(word) > 4 else _SHORT_ENDING).sub("", word)
    return (bare if len(bare) > 2 else word)[:6]


def content_stems(text: str) -> frozenset[str]:
    """Return the stems of the content words."""
    return frozenset(stem(word) for word in words_of(text) if word not in ASKING)


_FOREIGN_NAMES = {
    "German": """
        wie wann wo wer wen wem was welche welcher welches warum lang lange viel viele hoch alt oft ist sind war wird
        werden hat haben kann können darf muss der die das den dem des ein eine einen einem einer ich wir es im in am an
        auf zu zum zur mit von vom für bei nach um bis und oder gibt man mein meine nicht
    """,
    "French": """
        quand où qui que quoi quel quelle quels quelles combien comment pourquoi est sont était a ont le la les un une
        des du de au aux en dans sur sous pour par avec et ou il elle on se ce cette je mon ma mes y faut peut
    """,
    "Spanish": """
        cuándo dónde quién qué cuál cuánto cuánta cuántos cuántas cómo por es son está están era hay el la los las un
        una de del al a en con para y o se su sus mi me lo puede debe
    """,
}
_FOREIGN = {name: frozenset(words.split()) for name, words in _FOREIGN_NAMES.items()}
_FEW = 2


def _foreign_function_words(words: Sequence[str]) -> frozenset[str]:
    """Return the function and question words of the question's language, if it is one of a few other than English."""
    counts = {name: len(known.intersection(words)) for name, known in _FOREIGN.items()}
    name = max(counts, key=counts.__getitem__)
    return (
        _FOREIGN[name]
        if counts[name] >= _FEW and counts[name] > len(FUNCTION_WORDS.intersection(words))
        else frozenset()
    )
