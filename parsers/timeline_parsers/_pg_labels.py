"""The words PostgreSQL puts before a message: severities and the labels of further lines, in its languages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

# Severities follow lc_messages in stderr and csvlog, never in jsonlog. The words are those of the catalogues of
# PostgreSQL 15 (de es fr it ja ka ko ru sv uk zh_CN); Georgian has one word for NOTICE and WARNING, read as WARNING.
SEVERITY_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "debug": (
        "DEBUG", "DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4", "DEBUG5",
        "გამართვა", "디버그", "ОТЛАДКА", "НАЛАГОДЖЕННЯ", "调试",
    ),
    "info": (
        "LOG", "INFO", "ჟურნალი", "로그", "СООБЩЕНИЕ", "LOGG", "ЗАПИСУВАННЯ", "日志",
        "ინფორმაცია", "정보", "ИНФОРМАЦИЯ", "ІНФОРМАЦІЯ", "信息",
    ),
    "notice": ("NOTICE", "HINWEIS", "NOTIFICA", "알림", "ЗАМЕЧАНИЕ", "NOTIS", "ПОВІДОМЛЕННЯ", "注意"),
    "warning": (
        "WARNING", "WARNUNG", "ATTENTION", "ATTENZIONE", "გაფრთხილება", "경고", "ПРЕДУПРЕЖДЕНИЕ", "VARNING",
        "ПОПЕРЕДЖЕННЯ", "警告",
    ),
    "err": ("ERROR", "FEHLER", "ERREUR", "ERRORE", "შეცდომა", "오류", "ОШИБКА", "FEL", "ПОМИЛКА", "错误"),
    "crit": ("FATAL", "FATALE", "ფატალური", "치명적오류", "ВАЖНО", "FATALT", "ФАТАЛЬНО", "致命错误"),
    "alert": ("PANIC", "PANIK", "PANICO", "პანიკა", "손상", "ПАНИКА", "ПАНІКА", "比致命错误还过分的错误"),
}  # fmt: skip
"""Severity of the event frame to the words that mean it."""

FOLLOW_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "detail": (
        "DETAIL", "DETALLE", "DÉTAIL", "DETTAGLI", "詳細", "დეტალები", "상세정보", "ПОДРОБНОСТИ", "DETALJ",
        "ВІДОМОСТІ", "详细信息",
    ),
    "hint": (
        "HINT", "TIPP", "ASTUCE", "SUGGERIMENTO", "ヒント", "მინიშნება", "힌트", "ПОДСКАЗКА", "TIPS",
        "УКАЗІВКА", "提示",
    ),
    "query": (
        "QUERY", "ANFRAGE", "CONSULTA", "REQUÊTE", "問い合わせ", "მოთხოვნა", "쿼리", "ЗАПРОС", "FRÅGA",
        "ЗАПИТ", "查询",
    ),
    "context": (
        "CONTEXT", "ZUSAMMENHANG", "CONTEXTO", "CONTEXTE", "CONTESTO", "文脈", "კონტექსტი", "내용", "КОНТЕКСТ",
        "KONTEXT", "上下文",
    ),
    "location": (
        "LOCATION", "ORT", "UBICACIÓN", "EMPLACEMENT", "POSIZIONE", "場所", "მდებარეობა", "위치", "ПОЛОЖЕНИЕ",
        "PLATS", "РОЗТАШУВАННЯ", "位置",
    ),
    "backtrace": ("BACKTRACE", "PILE D'APPEL", "バックトレース", "სტეკი", "역추적", "СТЕК", "ВІДСТЕЖУВАТИ"),
    "statement": (
        "STATEMENT", "ANWEISUNG", "SENTENCIA", "INSTRUCTION", "ISTRUZIONE", "文", "ოპერატორი", "명령 구문",
        "ОПЕРАТОР", "SATS", "ІНСТРУКЦІЯ", "语句",
    ),
}  # fmt: skip
"""Part of a record to the labels that introduce it on a further line."""

POSITION_TEXTS: Final = (
    " at character #", " bei Zeichen #", " en carácter #", " au caractère #", " al carattere #", "(#文字目)",
    " სიმბოლოსთან #", " # 번째 문자 부근", " (символ #)", " vid tecken #", " символ #", " 第 # 个字符处",
)  # fmt: skip
"""What stderr puts behind the message of an error that has a place in the statement, by the same catalogues."""

SEVERITY_OF: Final = {word: severity for severity, words in SEVERITY_WORDS.items() for word in words}
PART_OF: Final = {word: part for part, words in FOLLOW_WORDS.items() for word in words}

_WORDS: Final = sorted((*SEVERITY_OF, *PART_OF), key=lambda word: (-len(word), word))

# French puts a blank before the colon, newer catalogues a no-break one.
_BEFORE_COLON: Final = "[ \u00a0]?"
KNOWN_LABEL: Final = f"(?P<label>{'|'.join(re.escape(word) for word in _WORDS)}){_BEFORE_COLON}:"
# A word of a language that is not in the tables: still a record, of unknown severity.
_LETTER: Final = "A-Za-z\u00aa-\U0010ffff"
ANY_LABEL: Final = f"(?P<label>[{_LETTER}](?:[{_LETTER}'_ -]{{0,38}}[{_LETTER}])??){_BEFORE_COLON}:"
"""Patterns in the syntax that RE2, which Arrow uses, and `re` share."""
