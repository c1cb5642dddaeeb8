"""In which language a note is written, and what becomes of one that nobody here can read."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.document import Languages, TextLimits, load_languages, note_text, read_text
from medie_fhir.errors import InvalidTerminology, NoteSkipped, OtherLanguage, SettingsError
from medie_fhir.metrics import OUTCOMES, Metrics
from medie_fhir.model import Attachment
from medie_fhir.shipped import shipped

WORDS = load_languages(shipped("schemas", "context", "languages.yaml").read_text(encoding="utf-8"))
ENGLISH = Languages(WORDS)

GERMAN = """ARZTBRIEF
Sehr geehrte Kollegen, wir berichten über Frau K., 64 Jahre.
Diagnose: Adenokarzinom der Lunge rechts, Stadium IIIA. Kein Hinweis auf Metastasen in Leber oder Gehirn.
Die Patientin wurde mit Carboplatin behandelt. Weiterhin beschwerdefrei. Die Mutter hatte Brustkrebs."""
FRENCH = """COMPTE RENDU
Patiente de 58 ans suivie pour un carcinome canalaire du sein gauche. Pas de métastase osseuse ni hépatique.
Elle a reçu une chimiothérapie par docetaxel avec une bonne réponse. Son père était traité pour un mélanome."""
SPANISH = """INFORME DE ALTA
Paciente de 71 años con adenocarcinoma de colon. No se observan metástasis hepáticas. Recibió FOLFOX durante seis
meses y presenta buena respuesta. Su hermana fue tratada por un cáncer de mama."""

FOREIGN = {
    "German": GERMAN,
    "French": FRENCH,
    "Spanish": SPANISH,
    "German, a line": "Kein Hinweis auf Metastasen.",
    "German, of abbreviations": "Z.n. Mastektomie links. ER pos., HER2 neg. Kein Anhalt für Rezidiv.",
    "German, without umlauts": "Keine Auffaelligkeiten ueber der Lunge, kein Rezidiv nach Operation",
    "German, in capitals": "KEIN NACHWEIS VON METASTASEN IN DER UNTERSUCHUNG",
    "German, a word": "Metastasen ausgeschlossen. Mammakarzinom pT2.",
    "French, a word": "Pas de métastase. Carcinome pulmonaire, stade IV.",
    "Spanish, a word": "No hay metástasis. Carcinoma ductal infiltrante, HER2 negativo.",
    "French, a line": "Pas d'argument pour une récidive.",
    "French, of radiology": "TDM thoracique : aucun nodule. Foie sans particularité.",
    "Spanish, a line": "TC de tórax: sin hallazgos patológicos en los pulmones.",
    "Italian": "Paziente di 70 anni affetto da carcinoma del colon. Non si evidenziano metastasi epatiche.",
    "Portuguese": "Paciente com câncer de pulmão. Não há evidência de metástases.",
    "Dutch": "Patiënt met mammacarcinoom links. Geen aanwijzingen voor metastasen.",
    "Swedish": "Patienten har bröstcancer. Inga tecken till metastaser.",
    "Danish": "Patienten har brystkræft. Der er ingen tegn til metastaser efter behandling.",
    "Norwegian": "Pasienten har brystkreft. Det er ikke funnet metastaser etter behandling.",
    "Polish": "Pacjent z rakiem płuca. Nie stwierdzono przerzutów.",
    "Czech, which has no list": "Pacientka s nádorem plic. Bez známek metastáz, léčba je dobře snášena.",
    "Russian": "Пациент с раком лёгкого. Метастазов нет.",
    "Japanese": "患者は肺癌。転移なし。",
    "English with a third in German": f"The patient was seen with her mother. {GERMAN}",
}
READ = {
    "an impression": "CT chest. NAD.",
    "abbreviations": "A&O x3, HEENT: PERRLA, EOMI. CV: RRR no m/r/g. Resp: CTAB. PAS pos. DES in LAD. SOB, NED, AF.",
    "drugs": "Metformin 500 mg PO BID\nLisinopril 10 mg PO QD\nAtorvastatin 40 mg PO QHS",
    "results": "Na 138 K 4.1 Cl 102 CO2 24 BUN 14 Cr 0.9\nWBC 6.2 Hgb 13.1 Plt 240",
    "pathology": "Dx: adeno, cT2aN1M0, G2, L1 V0 Pn1 R0. TNF-α neg, β-catenin pos.",
    "Latin": "Ca mammae sin., status post mastectomiam. Carcinoma in situ. Dolor.",
    "a name": "Pt: Jürgen Kein, dr. von der Leyen. AML. Kein.",
    "a name in another script": "Name: 山田太郎. Adenocarcinoma of the lung, stage IIIA, seen with his wife today.",
    "a quotation": "The patient says 'me duele la cabeza desde ayer' and denies any other pain in her history.",
    "a ward's shorthand": "DNR/DNI. CT head: no ICH.",
    "a transplant": "AML s/p allo-SCT day +100. IL-6 normal. Denies SI/HI.",
    "oncologists' shorthand": "Pt seen by med onc. Mod diff adenoca of colon, stage IIIB. KRAS G12D. Plan FOLFOX.",
    "two short words": "Hold med till next visit.",
    "a reference": "Smith et al. N Engl J Med 2018",
    "an address": "DA-EPOCH-R cycle 3. Contact silva@hospital.com",
    "tests by their initials": "DAT 3+. HFE C282Y het. Thyroid FNA: AUS. DAS28 2.1.",
    "a name with accents": "Pt: José Núñez Peña. Dx: NSCLC stage IV. Rx: osimertinib 80 mg.",
    "a name in capitals": "PT: JOSÉ NÚÑEZ PEÑA. DX: NSCLC STAGE IV.",
    "eponyms": "PMH: Sjögren, Ménière, Guillain-Barré. Stage IIA breast ca.",
    "light chains": "sFLC: κ 412 mg/L, λ 8 mg/L, κ/λ 51. Prior κ 380, λ 9, κ/λ 42.",
    "units": "Fe 12 µM; Cu 11 µM; Zn 9 µM; Se 1 µM; K 4 µM; Na 5 µM",
    "a surname that is a word": "Dr. Lunge referred. Mamma ca dx 2011, ER+ PR+.",
    "no letters": "138 4.1 102 24 14 0.9",
    "nothing": "",
}


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
def test_a_note_of_another_language_is_told(text: str) -> None:
    assert ENGLISH.is_other(text)


@pytest.mark.parametrize("text", READ.values(), ids=READ)
def test_what_is_english_or_of_no_language_is_read(text: str) -> None:
    assert not ENGLISH.is_other(text)


@pytest.mark.parametrize("note", sorted(shipped("notes", "text").iterdir()), ids=lambda path: path.stem)
def test_our_sample_notes_are_english(note: Path) -> None:
    assert not ENGLISH.is_other(note.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("text", "declared", "other"),
    [
        ("CT chest. NAD.", "de-CH", True),
        ("CT chest. NAD.", "en-GB", False),
        ("CT chest. NAD.", "EN", False),
        ("CT chest. NAD.", "eng", False),
        ("CT chest. NAD.", "ger", True),
        ("CT chest. NAD.", "und", False),
        ("CT chest. NAD.", None, False),
        ("The patient was seen today and is well.", "de", False),
        (GERMAN, "en", True),
    ],
)
def test_the_senders_tag_counts_only_where_the_words_say_nothing(text: str, declared: str | None, other: bool) -> None:
    assert ENGLISH.is_other(text, declared) is other


@pytest.mark.parametrize(("code", "text"), [("de", GERMAN), ("fr", FRENCH), ("es", SPANISH)])
def test_a_language_that_is_read_is_no_other_and_english_then_is(code: str, text: str) -> None:
    alone = Languages(WORDS, (code,))
    assert not alone.is_other(text)
    assert alone.is_other("The patient was seen today and is well.")
    both = Languages(WORDS, ("en", code))
    assert not both.is_other(text)
    assert not both.is_other("The patient was seen today and is well.")


@given(st.sampled_from(sorted(FOREIGN.values()) + sorted(READ.values())), st.sampled_from(["NFC", "NFD"]))
def test_neither_how_letters_are_composed_nor_the_lines_matter(text: str, form: Literal["NFC", "NFD"]) -> None:
    assert ENGLISH.is_other(unicodedata.normalize(form, text)) == ENGLISH.is_other(text)
    assert ENGLISH.is_other(text.replace(" ", "\n ")) == ENGLISH.is_other(text)


@given(st.text())
def test_any_text_has_an_answer(text: str) -> None:
    assert ENGLISH.is_other(text) in (True, False)


def test_it_is_skipped_refused_or_read_by_the_setting() -> None:
    with pytest.raises(NoteSkipped) as skipped:
        note_text(GERMAN, limits=TextLimits(languages=ENGLISH))
    assert skipped.value.reason == "OtherLanguage"
    metrics = Metrics()
    metrics.outcome("extract", "skipped", skipped.value.reason)
    assert metrics.counted(OUTCOMES) == {("extract", "skipped", "OtherLanguage"): 1}
    with pytest.raises(OtherLanguage) as refused:
        note_text(GERMAN, limits=TextLimits(languages=Languages(WORDS, other="refuse")))
    assert "Adenokarzinom" not in str(refused.value)
    assert note_text(GERMAN, limits=TextLimits(languages=Languages(WORDS, other="process"))).text == GERMAN


def test_an_attachments_tag_reaches_it() -> None:
    attachment = Attachment(content_type="text/plain", language="de-DE")
    with pytest.raises(NoteSkipped):
        read_text(attachment, b"CT Thorax: Kein Tumor.", TextLimits(languages=ENGLISH))


def test_a_language_without_a_list_cannot_be_asked_for() -> None:
    with pytest.raises(SettingsError, match=r"notes\.languages: xx: can't be told"):
        Languages(WORDS, ("en", "xx"))
    assert not Languages(WORDS, ("xx",), other="process").check(GERMAN)


@pytest.mark.parametrize("text", ["- en", "en: [a, b]", "en: [", "7"])
def test_a_file_that_is_no_list_of_words_is_refused(text: str) -> None:
    with pytest.raises(InvalidTerminology, match=r"languages\.yaml"):
        load_languages(text)


def test_no_word_is_of_english_and_another_language() -> None:
    others = frozenset[str]().union(*(words for code, words in WORDS.items() if code != "en"))
    assert len(others) > 500
    assert not others & WORDS["en"]
