"""The name and the number of a value, in plain Python: what each cell of any form of table is."""

from __future__ import annotations

import datetime
import math
import re


def is_empty(value):
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def name(value):
    """As a category, label, id or split; None where empty."""
    if is_empty(value):
        return None
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value == int(value) else repr(value)
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(datetime.UTC).replace(tzinfo=None)
        if value.time() == datetime.time():
            return value.strftime("%Y-%m-%d")
        return value.isoformat(" ")
    text = str(value)  # texts, dates, decimals
    whole = re.match(r"^(-?)(0|[1-9][0-9]*)\.0+$", text)
    return str(int(whole[1] + whole[2])) if whole else text


def number(value):
    """As a numeric feature; NaN where empty."""
    if is_empty(value):
        return math.nan
    return {"True": 1.0, "False": 0.0}[str(value)] if isinstance(value, bool) else float(value)
