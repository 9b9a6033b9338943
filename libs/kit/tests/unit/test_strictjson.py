# SPDX-License-Identifier: EUPL-1.2
"""What the strict JSON reader takes and what it refuses (attack list A42-A46)."""

import json
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit import strictjson
from kit.errors import InvalidJson

REFUSED = {
    "empty": b"",
    "blank": b"  ",
    "not JSON": b"{",
    "bytes after the value": b'{"a":1} x',
    "two values": b"{}{}",
    "equal names": b'{"a":1,"a":2}',
    "equal names, one escaped": b'{"a":1,"\\u0061":2}',
    "equal names deep inside": b'[{"b":[{"a":1,"a":1}]}]',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":Infinity}',
    "minus Infinity": b'{"a":-Infinity}',
    "1e400": b'{"a":1e400}',
    "1e400 alone": b"1e400",
    "an integer of 17 digits": b'{"a":90071992547409930}',
    "an integer past 2**53": b'{"a":9007199254740992}',
    "a negative integer past 2**53": b'{"a":-9007199254740992}',
    "an integer past 2**53 alone": b"9007199254740992",
    "a thousand digits": b'{"a":' + b"9" * 1000 + b"}",
    "bad UTF-8": b'{"a":"\xff"}',
    "overlong UTF-8": b'{"a":"\xc0\xaf"}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"a":1}',
    "a lone surrogate": b'{"a":"\\ud800"}',
    "U+0000 in a text": b'{"a":"x\\u0000"}',
    "U+0000 in a name": b'{"\\\\\\u0000":1}',
    "U+0000 alone": b'"\\u0000"',
    "a control character": b'{"a":"\n"}',
    "a comment": b'{"a":1/**/}',
    "a comma too many": b'{"a":1,}',
    "single quotes": b"{'a':1}",
    "nested 33 deep": b"[" * 33 + b"]" * 33,
    "nested 900 deep": b"[" * 900 + b"]" * 900,
    "nested 100,000 deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "100,000 brackets open": b"[" * 100_000,
    "a quote left open": b'["' + b"[" * 100,
}


@pytest.mark.parametrize("name", REFUSED)
def test_anything_but_one_i_json_value_is_refused(name: str) -> None:
    with pytest.raises(InvalidJson) as refused:
        strictjson.loads(REFUSED[name])
    assert refused.value.code == "INVALID_JSON"


def test_depth_32_and_brackets_in_texts_are_fine() -> None:
    assert strictjson.loads(b"[" * 32 + b"]" * 32)
    assert strictjson.loads(b'{"a":"' + b"[" * 1000 + b'\\"]"}') == {"a": "[" * 1000 + '"]'}
    assert strictjson.loads(b"[" + b"[]," * 100 + b"[]]") == [[]] * 101


def test_a_text_about_an_escape_is_fine() -> None:
    assert strictjson.loads(b'["\\\\u0000"]') == ["\\u0000"]


def test_integers_up_to_2_53_are_kept_exactly() -> None:
    assert strictjson.loads(b"[9007199254740991,-9007199254740991,0.5,1e3]") == [2**53 - 1, 1 - 2**53, 0.5, 1000.0]


texts = partial(st.text, st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers(1 - 2**53, 2**53 - 1) | texts(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_what_any_writer_writes_is_read_as_it_was(value: object) -> None:
    assert strictjson.loads(json.dumps(value).encode()) == value
    assert strictjson.loads(strictjson.dumps(value)) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_nothing_else(data: bytes) -> None:
    try:
        value = strictjson.loads(data)
    except InvalidJson:
        return
    assert json.loads(data) == value


def test_canonical_form_sorts_names_and_drops_blanks() -> None:
    assert strictjson.canonical({"b": 1, "a": "ü"}) == '{"a":"ü","b":1}'.encode()
