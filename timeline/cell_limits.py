"""Keep the number of cells within a limit, in a way that no partition of the events can change.

What is done to a part of the events is never more than what the whole needs: each measure is a count that can only grow
with more events, and it can be told from counts that were cut already.

- Each *family* (keys of one source, host, service, severity, kind and form) may have a *share* of cells, the largest
  power of two with which all families fit.
- A family with more different texts than it may have gets its texts cut to eight words, four, two, one, none.
- A family with more cells than its share gets wider buckets, the busiest keys first.
- If there are more families than the limit, hosts and services are given up as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from timeline import schema
from timeline.arrays import NEVER, Flags, Ints, starts, strings, take
from timeline.cell_keys import CODE, FAMILY, FORM, PERSON, REQUEST, TEXT, VERB, first_rows, number_keys
from timeline.cell_table import WIDEST, Table, add_up, widen
from timeline.schema import HOST, SERVICE

LIMIT: Final = 1 << 19
"""Cells there may be; messages of people do not count, since they are never folded."""
MOST_TEXTS: Final = 4096
"""Different texts that a family may have, but never more than a sixteenth of its share of cells."""
LEVELS: Final = (None, 8, 4, 2, 1, 0)
"""How many words of a text, or segments of a route, are left at each level of cutting."""
REST: Final = "\u2026"

LEVEL: Final = "level"
EXPONENT: Final = "exponent"
"""Columns of the keys: how far texts were cut, and how often the width of buckets was doubled."""


@dataclass(frozen=True)
class Limited:
    """Keys and their cells within a limit.

    Attributes:
        keys: one row a key.
        table: the cells, sorted.
        share: how many cells each family may have; 0 if hosts and services were given up.
    """

    keys: pd.DataFrame
    table: Table
    share: int


def first_share(limit: int) -> int:
    """Return the largest power of two that is not more than *limit*."""
    return 1 << (max(limit, 1).bit_length() - 1)


def keep_within(keys: pd.DataFrame, table: Table, row_ranks: Ints, share: int, limit: int) -> Limited:
    """Unite equal keys and cells, and make fewer of them until they fit.

    Args:
        keys: one row a key; equal ones may occur.
        table: their cells, in any order.
        row_ranks: for each row of the events, its place in their order.
        share: the least share that a part has.
        limit: how many cells there may be.
    """
    keys, table = unite(keys, table, row_ranks)
    family = number_keys(keys, FAMILY)
    share = _find_share(keys, table, family, share, limit)
    crowded = _is_crowded(keys, family, share)
    if share == 0:
        table = table.with_(bucket=np.where(is_alone(keys)[table.key], table.bucket, 0))
        keys, table = unite(_give_up_places(keys), table, row_ranks)
    elif crowded.any():
        keys, table = unite(_cut_texts(keys, family, crowded, _most_texts(share)), table, row_ranks)
    family = number_keys(keys, FAMILY)
    keys, table = _widen_buckets(keys, table, family, share, row_ranks)
    return Limited(keys, table, share)


def unite(keys: pd.DataFrame, table: Table, row_ranks: Ints) -> tuple[pd.DataFrame, Table]:
    """Make one key of equal ones, with the widest of their buckets, and add up their cells."""
    numbers = number_keys(keys)
    shown = first_rows(numbers)
    wide, deep = np.zeros(len(shown), "int64"), np.zeros(len(shown), "int64")
    np.maximum.at(wide, numbers, keys[EXPONENT].to_numpy())
    np.maximum.at(deep, numbers, keys[LEVEL].to_numpy())
    steps = wide[numbers] - keys[EXPONENT].to_numpy()
    if len(shown) < len(keys):
        keys = take(keys, shown)
    keys = keys.assign(**{EXPONENT: wide, LEVEL: deep})
    bucket = widen(table.bucket, steps[table.key], wide[numbers[table.key]]) if steps.any() else table.bucket
    return keys, add_up(table.with_(key=numbers[table.key], bucket=bucket), is_alone(keys), row_ranks)


def is_alone(keys: pd.DataFrame) -> Flags:
    """Mark the keys whose events are never folded: what people say."""
    return (keys[FORM] == PERSON).to_numpy()


def _find_share(keys: pd.DataFrame, table: Table, family: Ints, share: int, limit: int) -> int:
    """Return the largest share with which the families fit, 0 if there are more of them than the limit."""
    families = int(family.max(initial=-1)) + 1
    sizes = np.bincount(table.key, minlength=len(keys))
    cells, events = np.zeros(families, "int64"), np.zeros(families, "int64")
    np.add.at(cells, family, np.where(keys[EXPONENT].to_numpy() > 0, NEVER // 2 // max(len(keys), 1), sizes))
    np.add.at(events, family[table.key], table.count)
    counted = np.ones(families, bool)
    counted[family[is_alone(keys)]] = False
    while share:
        crowded = _is_crowded(keys, family, share)
        need = np.minimum(np.where(crowded, events, cells), share)
        if need[counted].sum() <= limit:
            break
        share //= 2
    return share


def _most_texts(share: int) -> int:
    return max(min(MOST_TEXTS, share // 16), 1)


def _is_crowded(keys: pd.DataFrame, family: Ints, share: int) -> Flags:
    """Mark the families with more texts than they may have, or whose texts were cut already."""
    alone = is_alone(keys)
    cut = np.bincount(family, weights=keys[LEVEL].to_numpy()) > 0
    return (cut | (np.bincount(family) > _most_texts(share))) & (np.bincount(family, weights=alone) == 0)


def _cut_texts(keys: pd.DataFrame, family: Ints, crowded: Flags, most: int) -> pd.DataFrame:
    """Shorten the texts of the *crowded* families until each has at most *most* of them."""
    deepest = np.zeros(len(crowded), "int64")
    np.maximum.at(deepest, family, keys[LEVEL].to_numpy())
    keys = keys.copy()
    for level, words in enumerate(LEVELS[1:], 1):
        distinct = np.bincount(family[first_rows(number_keys(keys))], minlength=len(crowded))
        over = crowded & ((distinct > most) | (deepest >= level))
        chosen = over[family]
        if not over.any():
            break
        request = (keys[FORM] > REQUEST).to_numpy()
        texts = strings(keys[TEXT]).combine_chunks()
        cut = pc.if_else(pa.array(request), _cut(texts, words, "/"), _cut(texts, words, " "))
        keys[TEXT] = schema.string_column(pc.if_else(pa.array(chosen), cut, texts))
        keys.loc[chosen, LEVEL] = level
        if not words:
            keys.loc[chosen, CODE] = 0
            keys[VERB] = keys[VERB].where(~chosen)
    return keys


def _cut(texts: pa.Array, words: int | None, separator: str) -> pa.Array:
    """Leave so many words, or segments of a path; "…" stands for the rest."""
    if not words:
        return pa.array([REST] * len(texts), pa.large_string())
    kept = rf"(?s)^((?:/[^/]*){{{words}}})/.*$" if separator == "/" else rf"(?s)^((?:\S+\s+){{{words - 1}}}\S+)\s+\S.*$"
    return pc.replace_substring_regex(texts, kept, rf"\1{separator}{REST}")


def _give_up_places(keys: pd.DataFrame) -> pd.DataFrame:
    """Leave nothing of the keys but source, severity, kind and form."""
    folded = ~is_alone(keys)
    keys = keys.copy()
    for name in (HOST, SERVICE, VERB):
        keys[name] = keys[name].where(~folded)
    keys[TEXT] = keys[TEXT].where(~folded, REST)
    keys.loc[folded, [CODE, LEVEL, EXPONENT]] = 0, len(LEVELS) - 1, WIDEST
    return keys


def _widen_buckets(
    keys: pd.DataFrame, table: Table, family: Ints, share: int, row_ranks: Ints
) -> tuple[pd.DataFrame, Table]:
    """Double the width of the buckets of each key until it has no more cells than it may have."""
    most = _find_caps(keys, table, family, share)
    exponent = keys[EXPONENT].to_numpy()
    wanted = exponent.copy()
    over = np.bincount(table.key, minlength=len(keys)) > most
    while over.any():
        wanted[over] += 1
        mine = table.take(over[table.key])
        bucket = widen(mine.bucket, (wanted - exponent)[mine.key], wanted[mine.key])
        sizes = np.bincount(mine.key[starts(mine.key, bucket)], minlength=len(keys))
        over &= (sizes > most) & (wanted < WIDEST)
    steps = wanted - exponent
    if not steps.any():
        return keys, table
    bucket = widen(table.bucket, steps[table.key], wanted[table.key])
    return keys.assign(**{EXPONENT: wanted}), add_up(table.with_(bucket=bucket), is_alone(keys), row_ranks)


def _find_caps(keys: pd.DataFrame, table: Table, family: Ints, share: int) -> Ints:
    """Return how many cells each key may have: the largest power of two with which its family keeps to its share."""
    sizes = np.bincount(table.key, minlength=len(keys))
    sizes = np.where(keys[EXPONENT].to_numpy() > 0, NEVER, sizes)
    crowded = _is_crowded(keys, family, share)
    most = np.where(crowded, max(share // _most_texts(share), 1), max(share, 1))
    while True:
        need = np.bincount(family, weights=np.minimum(sizes, most[family]))
        over = (need > share) & (most > 1) & ~crowded
        if not over.any():
            break
        most[over] //= 2
    return np.where(is_alone(keys), NEVER, most[family])
