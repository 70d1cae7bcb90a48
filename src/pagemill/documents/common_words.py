"""Decides whether text is clearly in a language: it has the most common words, and hardly any are misread. Pure."""

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache

from pagemill.documents.plausibility import is_odd

_COMMON = {
    "en": "the of and to in is you that it he was for on are as with his they at be this have from or had by but not "
    "what all were we when your can said there an each which she do how their if will up other about out many then "
    "them these so some her would make him into has who its may any been more no our only than over such also",
    "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er "
    "hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis "
    "mehr durch sein wurde ihr unter kann diese dieser wenn wir",
    "fr": "de la le et les des en un du une que est pour qui dans par plus pas au sur ne se ce il sont la avec son ou "
    "aux mais comme cette être ont nous vous leur sa ses fait été deux même elle on tout ces sans",
    "es": "de la que el en los se del las un por con no una su para es al lo como más pero sus le ha me si sin sobre "
    "este ya entre cuando todo esta ser son dos también fue había muy años hasta desde está",
    "it": "di il che la in un per del le si è una da con non sono dei al come più alla nel lo ma anche gli delle ha se "
    "dal suo questo essere due tra stato della ed ai nella",
    "nl": "de van het een en in is dat op te zijn met voor niet aan er om ook als door bij uit maar dan nog naar heeft "
    "hij worden werd over tot wordt deze was meer die wij kan",
    "pt": "de que do da em um para com não uma os no se na por mais as dos como mas ao ele das seu sua ou quando muito "
    "nos já eu também só pelo pela até isso são está foi",
    "sv": "och att det som en på är av för med den till har de inte om ett han men var jag från vi så kan man när år "
    "under också efter eller nu sin där vid",
    "da": "og at det er en til af på de som med for den har ikke et var han men der vi om fra kan blev også skal være "
    "eller efter ved",
    "pl": "na nie że do to się jest jak za od po dla są czy już tylko przez oraz ale być ich tym jego był może przed "
    "tego która który",
    "cs": "na že je se do jako pro za by ale jsou byl jeho nebo podle také aby tak který která při jen být",
    "fi": "ja on ei se että oli mutta hän ovat kun niin myös tai joka sen ole mukaan sekä jotka vain voi",
}
"""The words that make up a third of any text, for languages that can be recognised by them."""

_LOOK_ALIKE = (
    ("h", "b"), ("e", "c"), ("o", "0"), ("l", "1"), ("i", "l"), ("i", "1"), ("n", "u"), ("m", "rn"), ("t", "f"),
    ("o", "c"), ("d", "cl"), ("h", "li"), ("n", "ri"), ("u", "ii"), ("y", "v"), ("a", "n"), ("a", "o"), ("w", "vv"),
    ("e", "o"), ("r", "i"),
)  # fmt: skip
"""Letters, and what poor recognition makes of them."""

FEWEST_WORDS = 30
LEAST_SHARE = 0.25
MOST_MISREAD = 0.01
"""Largest share of misread words among the common ones: some rare words look like misread common ones."""

MOST_ODD = 0.03

_LEAST_LETTERS = 3
_WORD = re.compile(r"[^\W_]+")


def is_clearly_read(words: Iterable[str]) -> bool:
    """Whether the words are clearly in one language, and were read well."""
    words = list(words)
    counts = Counter(word for text in words for word in _WORD.findall(text.lower()))
    judged = {word: count for word, count in counts.items() if len(word) > 1 and not word.isdigit()}
    total = sum(judged.values())
    if total < FEWEST_WORDS:
        return False
    common = {name: sum(judged.get(word, 0) for word in known) for name, known in _common_words().items()}
    language = max(common, key=common.__getitem__)
    misread = sum(judged.get(word, 0) for word in _misread_words(language))
    is_language = common[language] >= LEAST_SHARE * total and misread <= MOST_MISREAD * common[language]
    return is_language and sum(map(is_odd, words)) <= MOST_ODD * len(words)


def is_misread(word: str) -> bool:
    """Whether a word is in no list but looks like a common word of some language."""
    plain = word.lower().strip(".,;:!?()\"'")
    return any(plain in _misread_words(language) for language in _COMMON)


@cache
def _common_words() -> dict[str, frozenset[str]]:
    return {name: frozenset(words.split()) for name, words in _COMMON.items()}


@cache
def _misread_words(language: str) -> frozenset[str]:
    """A language's common words with one letter misread, except those that are words of some language."""
    known = frozenset().union(*_common_words().values())
    made = {
        word[:at] + wrong + word[at + len(right) :]
        for word in _common_words()[language]
        if len(word) >= _LEAST_LETTERS
        for pair in _LOOK_ALIKE
        for right, wrong in (pair, pair[::-1])
        for at in range(len(word))
        if word.startswith(right, at)
    }
    return frozenset(made) - known - frozenset(_REAL.split())


_REAL = """hut bad arc bow bin art fan oil fen hat hot hit hid lot nut net ten tin bit bath hath men wan wen won wine
fine line like lake fat far tar car cat con den dan din gin ere ear era fer mis mes mir sic sit set sat sie seine wild
mild bist here hero zero pur sur core care cave code cede rule mule quo oat eat ost oft vin vie dar don dem ans aus cite
site vote note nota date dote data alto olio ora oro ore eco tho hoy fox nor nod ion eau wow same those ever mere cut
tor info ones thy mois sens bons"""
"""Words that look like misreadings, but are not."""
