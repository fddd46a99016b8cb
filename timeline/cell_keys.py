"""How an event looks: what it must have in common with others to be counted with them.

A key is made of text, never of numbers that one frame happens to give, so that keys of two parts of the evidence can be
compared.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from timeline import schema
from timeline.arrays import Ints, encode, group, strings, take
from timeline.schema import HOST, KIND, MESSAGE, SERVICE, SEVERITY, SOURCE, TIMESTAMP
from timeline.templates import mask, mask_routes

STATUS: Final = "http.response.status_code"
METHOD: Final = "http.request.method"
PATH: Final = "url.path"
CHANNEL: Final = "slack.channel_id"
IS_BOT: Final = "slack.is_bot"
CHAT: Final = "slack"

FORM: Final = "form"
UNDATED: Final = "undated"
TEXT: Final = "text"
CODE: Final = "code"
VERB: Final = "verb"
PLACE: Final = (SOURCE, HOST, SERVICE)
FAMILY: Final = (*PLACE, SEVERITY, KIND, FORM, UNDATED)
"""Columns of a key that are never cut."""
KEY: Final = (*FAMILY, TEXT, CODE, VERB)
"""Columns of a key: masked text or route; of failed requests status and method too."""
LOOKS: Final = (*PLACE, SEVERITY, KIND, TIMESTAMP, MESSAGE, STATUS, METHOD, PATH, CHANNEL, IS_BOT)
"""Columns of events that make the key."""

PLAIN, PERSON, PROGRAM, REQUEST = range(4)
"""Forms of keys; a request has that of its class of status added: REQUEST + 10 is 1xx."""
CLASS: Final = 10
FAILED: Final = REQUEST + 5 * CLASS
HIGHEST_CLASS: Final = 9


def look(events: pd.DataFrame) -> tuple[pd.DataFrame, Ints]:
    """Return the keys of *events*, one row each, and for each event the number of its key."""
    forms = _find_forms(events)
    texts, names = _find_texts(events, forms)
    failed = forms == FAILED
    codes, verbs = np.zeros(len(events), "int64"), np.full(len(events), -1)
    codes[failed] = events[STATUS].to_numpy(dtype="int64", na_value=0)[failed] if failed.any() else 0
    if METHOD in events and failed.any():
        verbs[failed] = encode(events[METHOD])[failed]
    severities = np.where(forms >= REQUEST, -1, encode(events[SEVERITY]))
    undated = events[TIMESTAMP].isna().to_numpy().astype("int64")
    numbers = group(
        *(encode(events[name]) for name in PLACE), severities, encode(events[KIND]), forms, undated, texts, codes, verbs
    )
    shown = first_rows(numbers)
    keys = take(events[[*PLACE, SEVERITY, KIND]], shown)
    keys.loc[forms[shown] >= REQUEST, SEVERITY] = np.nan
    keys[FORM], keys[UNDATED], keys[CODE] = forms[shown], undated[shown], codes[shown]
    keys[TEXT] = schema.string_column(names.take(pa.array(texts[shown], mask=texts[shown] < 0)))
    missing = pa.nulls(len(shown), pa.large_string())
    verbs_shown = strings(take(events[[METHOD]], shown)[METHOD]) if METHOD in events else missing
    keys[VERB] = schema.string_column(pc.if_else(pa.array(failed[shown]), verbs_shown, missing))
    return keys, numbers


def first_rows(numbers: Ints) -> Ints:
    """Return where each of the numbers from 0 stands first."""
    found = np.empty(int(numbers.max(initial=-1)) + 1, "int64")
    found[numbers[::-1]] = np.arange(len(numbers))[::-1]
    return found


def number_keys(keys: pd.DataFrame, columns: tuple[str, ...] = KEY) -> Ints:
    """Number what is distinct in these columns of *keys*, from 0 in order of appearance."""
    return group(*(encode(keys[name]) for name in columns))


def status_class(forms: Ints) -> Ints:
    """Return the hundreds of the HTTP status, 0 for what is no request."""
    return np.where(forms >= REQUEST + CLASS, (forms - REQUEST) // CLASS, 0)


def _find_forms(events: pd.DataFrame) -> Ints:
    forms = np.zeros(len(events), "int64")
    if STATUS in events:
        status = np.minimum(events[STATUS].to_numpy(dtype="int64", na_value=0) // 100, HIGHEST_CLASS)
        forms = np.where(status > 0, REQUEST + CLASS * status, PLAIN)
    names = [str(name) == CHAT for name in events[SOURCE].cat.categories]
    chat = np.array([*names, False])[events[SOURCE].cat.codes.to_numpy()]
    if CHANNEL in events:
        chat |= events[CHANNEL].notna().to_numpy()
    chat &= forms == PLAIN
    bots = events[IS_BOT].fillna(False).to_numpy(dtype=bool) if IS_BOT in events else np.zeros(len(events), bool)
    forms[chat] = np.where(bots[chat], PROGRAM, PERSON)
    return forms


def _find_texts(events: pd.DataFrame, forms: Ints) -> tuple[Ints, pa.Array]:
    """Number what events say: masked, of programs in a chat word by word, of requests the route; people get -1."""
    texts = np.full(len(events), -1)
    names: list[pa.Array] = []
    for chosen, name, change in (
        (forms == PLAIN, MESSAGE, mask),
        (forms == PROGRAM, MESSAGE, None),
        (forms >= REQUEST, PATH, _routes),
    ):
        rows = np.flatnonzero(chosen)
        if not len(rows):
            continue
        if name in events:
            column = events[name] if len(rows) == len(events) else events[name].take(rows)
            found = strings(column)
            coded = (mask(found) if change is mask else found).combine_chunks().dictionary_encode()
            codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype("int64")
            words = coded.dictionary.cast(pa.large_string())
        else:
            codes, words = np.full(len(rows), -1), pa.array([], pa.large_string())
        if change is _routes:
            words = pa.concat_arrays([_routes(words), pa.array([""], pa.large_string())])
            codes = np.where(codes < 0, len(words) - 1, codes)
        texts[rows] = np.where(codes < 0, -1, codes + sum(map(len, names)))
        names.append(words)
    every = pa.concat_arrays(names) if names else pa.array([], pa.large_string())
    return _unify(texts, every)


def _routes(paths: pa.Array) -> pa.Array:
    return mask_routes(pa.chunked_array([paths])).combine_chunks()


def _unify(texts: Ints, names: pa.Array) -> tuple[Ints, pa.Array]:
    """Give equal names one number: two paths may be one route."""
    coded = names.dictionary_encode()
    places = np.append(coded.indices.to_numpy(zero_copy_only=False).astype("int64"), -1)
    return places[texts], coded.dictionary
