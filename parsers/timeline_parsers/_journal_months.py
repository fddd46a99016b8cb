"""Month names of other languages in stamps: journalctl's short forms use those of the user's locale.

Reference: the abbreviations (`abmon`) of glibc 2.36. Croatian is left out: its `lip`, `srp` and `lis` are other months
in Polish and Czech. Numbered months, as in Japanese, Chinese and Korean, need no table.
"""

from __future__ import annotations

import re
from typing import Final

ENGLISH: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_TABLE: Final = (
    "Jan|Feb|Mär|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez",  # German
    "janv.|févr.|mars|avril|mai|juin|juil.|août|sept.|oct.|nov.|déc.",  # French
    "ene|feb|mar|abr|may|jun|jul|ago|sep|oct|nov|dic",  # Spanish
    "gen|feb|mar|apr|mag|giu|lug|ago|set|ott|nov|dic",  # Italian
    "jan|fev|mar|abr|mai|jun|jul|ago|set|out|nov|dez",  # Portuguese
    "янв|фев|мар|апр|мая|июн|июл|авг|сен|окт|ноя|дек",  # Russian
    "jan|feb|mar|apr|maj|jun|jul|aug|sep|okt|nov|dec",  # Swedish, Danish
    "sty|lut|mar|kwi|maj|cze|lip|sie|wrz|paź|lis|gru",  # Polish
    "jan|feb|mrt|apr|mei|jun|jul|aug|sep|okt|nov|dec",  # Dutch
    "jan.|feb.|mars|april|mai|juni|juli|aug.|sep.|okt.|nov.|des.",  # Norwegian
    "tammi|helmi|maalis|huhti|touko|kesä|heinä|elo|syys|loka|marras|joulu",  # Finnish
    "led|úno|bře|dub|kvě|čen|čec|srp|zář|říj|lis|pro",  # Czech
    "jan|feb|mar|apr|máj|jún|júl|aug|sep|okt|nov|dec",  # Slovak
    "jan|febr|márc|ápr|máj|jún|júl|aug|szept|okt|nov|dec",  # Hungarian
    "Oca|Şub|Mar|Nis|May|Haz|Tem|Ağu|Eyl|Eki|Kas|Ara",  # Turkish
    "січ|лют|бер|кві|тра|чер|лип|сер|вер|жов|лис|гру",  # Ukrainian
    "ian|feb|mar|apr|mai|iun|iul|aug|sep|oct|nov|dec",  # Romanian
    "Ιαν|Φεβ|Μαρ|Απρ|Μαΐ|Ιουν|Ιουλ|Αυγ|Σεπ|Οκτ|Νοε|Δεκ",  # Greek
    "jaan|veebr|märts|apr|mai|juuni|juuli|aug|sept|okt|nov|dets",  # Estonian
    "jan|feb|mar|apr|mai|jūn|jūl|aug|sep|okt|nov|dec",  # Latvian
    "saus.|vas.|kov.|bal.|geg.|birž.|liep.|rugp.|rugs.|spal.|lapkr.|gruod.",  # Lithuanian
    "jan|feb|mar|apr|maj|jun|jul|avg|sep|okt|nov|dec",  # Slovene
    "яну|фев|мар|апр|май|юни|юли|авг|сеп|окт|ное|дек",  # Bulgarian
    "de gen.|de febr.|de març|d’abr.|de maig|de juny|de jul.|d’ag.|de set.|d’oct.|de nov.|de des.",  # Catalan
    "Jan|Feb|Mar|Apr|Mei|Jun|Jul|Agu|Sep|Okt|Nov|Des",  # Indonesian
    "ינו|פבר|מרץ|אפר|מאי|יונ|יול|אוג|ספט|אוק|נוב|דצמ",  # Hebrew
    "јан|феб|мар|апр|мај|јун|јул|авг|сеп|окт|нов|дец",  # Serbian
    "jan|feb|mar|apr|maí|jún|júl|ágú|sep|okt|nóv|des",  # Icelandic
    "Xan|Feb|Mar|Abr|Mai|Xuñ|Xul|Ago|Set|Out|Nov|Dec",  # Galician
    "urt|ots|mar|api|mai|eka|uzt|abu|ira|urr|aza|abe",  # Basque
    "Jän|Feb|Mär|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez",  # Austrian
    "сту|лют|сак|кра|мая|чэр|ліп|жні|вер|кас|ліс|сне",  # Belarusian
    "jan|fév|mar|avr|mai|jun|jui|aoû|sep|oct|nov|déc",  # French of Switzerland and Canada
    "янв|февр|март|апр|май|июнь|июль|авг|сент|окт|нояб|дек",  # Russian, as ICU writes it
    "janv|févr|mars|avr|mai|juin|juil|août|sept|oct|nov|déc",  # French, without the dots
)

NAMES: Final = {
    name.lower(): month for row in (*_TABLE, "|".join(ENGLISH)) for month, name in enumerate(row.split("|"), start=1)
}
"""Name in lower case, to the number of its month."""

_NUMBERED: Final = re.compile(r"(1?[0-9])[月월]")

_LONGEST_FIRST: Final = sorted(NAMES, key=len, reverse=True)

LOCAL: Final = (
    rf"^ ?(?P<month>(?i:{'|'.join(re.escape(name) for name in _LONGEST_FIRST)})|1?\d[月월]) +"
    r"(?P<day>\d\d?) (?P<clock>\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,6}))? "
)
"""short and short-precise in any language; ` 3月` begins with a blank."""


def to_english(month: str) -> str:
    """Return the English abbreviation that the name *month* stands for."""
    numbered = _NUMBERED.fullmatch(month)
    number = int(numbered[1]) if numbered else NAMES.get(month.lower(), 0)
    return ENGLISH[number - 1] if 1 <= number <= len(ENGLISH) else "???"
