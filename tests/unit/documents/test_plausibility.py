"""Words of a language, and what a poor recognition leaves of them."""

import pytest

from pagemill.documents.plausibility import is_odd, is_plausible

TEXTS = {
    "en": "We hold these truths to be self-evident, that all men are created equal, in 1776 and in the 21st century",
    "de": "Die Donaudampfschifffahrtsgesellschaft zahlt 148,50 Euro für Angstschweiß und Rechtsschutz im März 2026",
    "fr": "L'arrêté du préfet, publié aujourd'hui, s'applique dès le 1er janvier aux œuvres d'art",
    "cs": "Strč prst skrz krk; čtvrtek ráno přijel vlk a zmrzl v zimě u řeky Vltavy",
    "pl": "W Szczebrzeszynie chrząszcz brzmi w trzcinie i przestrzeń jest bezwzględna",
    "nl": "De angstschreeuw van de slechtstschrijvende ambtenaar klonk door het stadhuis",
    "tr": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar",
    "vi": "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi",
    "el": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια",
    "ru": "Договор аренды квартиры заключён 17 апреля 2026 года на сумму 25 000 рублей",
    "zh": "合同编号2026年4月17日第12条 甲方应于30日内支付148元 乙方确认收到2份文件",
    "ja": "第3章は2026年4月に公開された5つの報告書に基づいています 東京都1丁目2番地",
    "ko": "2026년4월17일에 서울특별시에서 체결된 제12조 계약서 3부",
    "ar": "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق",
    "codes": "INV2026A A4B7C ISO9001 www.example.org me@example.org 12.5kg H2O and/or COVID-19 B2B",
}


@pytest.mark.parametrize("language", TEXTS)
def test_languages_are_plausible(language: str) -> None:
    assert is_plausible(TEXTS[language].split())


@pytest.mark.parametrize(
    "text",
    [
        "lnv0ice nurnbcr 2O26-O4l7 Cust0mcr Harb0vr Bakcry",
        "Tl1e q|uick br0wn f0x jurnps 0ver tl1e lazy d0g",
        "rnrnmt hjkl qwrtp xcvb the of zxcvbn",
        "iiiillll thE ofThe lhRee wordS iiiii and",
    ],
)
def test_what_was_misread_is_not(text: str) -> None:
    assert not is_plausible(text.split())


def test_a_handful_of_words_is_believed() -> None:
    assert is_plausible(["lnv0ice", "nurnbcr"])
    assert is_plausible([])


@pytest.mark.parametrize("word", ["lnv0ice", "T0tal", "jurnnnnps", "q|uick", "thEm"[:2] + "isThe", "brmstr"])
def test_odd_words(word: str) -> None:
    assert is_odd(word)
