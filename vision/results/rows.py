"""Rows to the bytes of an Arrow stream: what schema.py says, as one record batch message.

Two ways to the same bytes. The plain one is Arrow's own conversion of nested Python values: 0.14 ms in a loop, but 0.5 ms and a
hundred allocations where the line commits two rows every 33 ms beside inspections that empty the caches. The quick one keeps a
template: rows of the same shape (same nulls, same lengths of texts and lists) differ only in numbers and characters at places
that are always the same, and one struct.pack fills them in. A template is learnt from a message that the plain way made, and
kept only if it gives that very message back; whatever does not fit one goes the plain way.
"""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa

from vision.results.schema import SCHEMA, named, record_row
from vision.types import Record

UNFIT = (pa.ArrowException, TypeError, ValueError, OverflowError, pickle.UnpicklingError, EOFError, KeyError)
"""What a record that does not fit the schema raises here."""

_ROW = pa.struct(list(SCHEMA))
_TEMPLATES_MAX = 256  # 20 kB each; a line has a dozen shapes, once, twice and three times in a row
_SEEN_MAX = 1024
_MESSAGE_MAX = 50_000  # bytes; with so many symbols in a message the plain way costs little for each
_PAD = 8  # of every buffer in a message

Cell = Any
"""A value while a template is made: None = null, a leaf is (index, bytes), the rest as in a row."""
Append = Callable[[Any], None]
Shape = tuple[tuple[Any, ...], tuple[bool, ...]]
"""Tokens, and which of the values are null."""


def rows_to_batch(records: Sequence[Record]) -> pa.RecordBatch:
    """The rows of records, in their order; same types as SCHEMA, without its metadata. The plain way. Raises one of UNFIT."""
    return _plain([record_row(record) for record in records])


def _plain(rows: Sequence[tuple[Any, ...]]) -> pa.RecordBatch:
    # One conversion of whole rows as a struct, 140 us for one row; column by column took 330 us, a cast to SCHEMA 90 us more.
    return pa.RecordBatch.from_struct_array(pa.array([named(_ROW, row) for row in rows], _ROW))


class RowEncoder:
    """Records to messages; keeps the templates.

    learnt: templates made so far. plain: messages that went the plain way.
    """

    def __init__(self) -> None:
        self._templates: OrderedDict[tuple[int, Shape], _Template] = OrderedDict()
        self._seen: OrderedDict[tuple[int, Shape], None] = OrderedDict()  # shapes met once: not worth a template yet
        self._refused: set[tuple[int, Shape]] = set()  # a fault of ours, or of a later Arrow: the plain way for good
        self.learnt = 0
        self.plain = 0

    def encode(self, records: Sequence[Record]) -> bytes:
        """The rows of records, in their order, as encapsulated messages: one for each run of rows of the same shape. With one
        for all, every pair of shapes would want a template of its own. Raises one of UNFIT."""
        rows = [record_row(record) for record in records]
        flat: list[tuple[Shape, list[Any]]] = []
        try:
            for row in rows:
                values: list[Any] = []
                shape: list[Any] = []
                _flatten_row(row, values, shape.append)
                flat.append(((tuple(shape), tuple([value is None for value in values])), values))
        except (TypeError, ValueError, AttributeError):
            return self._plainly(rows)  # which says what does not fit
        messages = []
        first = 0
        for of_run, run in groupby(flat, itemgetter(0)):
            run_values = [values for _, values in run]
            messages.append(self._message(of_run, run_values, rows[first : first + len(run_values)]))
            first += len(run_values)
        return messages[0] if len(messages) == 1 else b"".join(messages)

    def _message(self, shape: Shape, run: list[list[Any]], rows: Sequence[tuple[Any, ...]]) -> bytes:
        """Rows of one shape."""
        values = run[0] if len(run) == 1 else [value for values in run for value in values]
        key = (len(run), shape)
        template = self._templates.get(key)
        if template is not None:
            try:
                return template.fill(values)
            except struct.error:
                return self._plainly(rows)
        message = self._plainly(rows)
        if key in self._seen and key not in self._refused and len(message) <= _MESSAGE_MAX:
            self._learn(key, values, message)
        else:
            self._seen[key] = None
            if len(self._seen) > _SEEN_MAX:
                self._seen.popitem(last=False)
        return message

    def _plainly(self, rows: Sequence[tuple[Any, ...]]) -> bytes:
        self.plain += 1
        return bytes(memoryview(_plain(rows).serialize()))

    def _learn(self, key: tuple[int, Shape], values: list[Any], message: bytes) -> None:
        row_count, (tokens, _) = key
        template = _Template(tokens * row_count, values, row_count, message)
        if template.fill(values) != message:
            self._refused.add(key)  # once: making a template costs more than the plain way
            return
        self.learnt += 1
        self._templates[key] = template
        if len(self._templates) > _TEMPLATES_MAX:
            self._templates.popitem(last=False)


# --- a row's values in a line, and its shape --------------------------------------------------------------------------------------
#
# Values: the numbers (None = null) and the bytes, in the order of the fields. The shape holds a token for all else: the length
# of a text, list or map, a boolean, 0 for a struct; None for a null of these. With the places of null numbers it says all but
# the values.


def _flattener(kind: pa.DataType) -> Callable[[Any, list[Any], Append], None]:
    """Puts a value of this type into a line of values, and notes its tokens."""
    if pa.types.is_struct(kind):
        return _struct_flattener(kind)
    if pa.types.is_map(kind) or _is_list(kind):
        return _list_flattener(kind)
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        text = pa.types.is_string(kind)

        def flatten(value: Any, values: list[Any], note: Append) -> None:
            if value is None:
                note(None)
                return
            content = value.encode() if text else value
            if type(content) is not bytes:
                raise TypeError(f"bytes expected, not {type(content).__name__}")
            note(len(content))
            values.append(content)

    elif pa.types.is_boolean(kind):

        def flatten(value: Any, values: list[Any], note: Append) -> None:
            if value is not None and type(value) is not bool:
                raise TypeError(f"a boolean expected, not {value!r}")
            note(value)

    else:

        def flatten(value: Any, values: list[Any], note: Append) -> None:
            values.append(value)

    return flatten


def _struct_flattener(kind: pa.StructType) -> Callable[[Any, list[Any], Append], None]:
    width = len(kind)
    parts = tuple([None if _is_number(field.type) else _flattener(field.type) for field in kind])
    plain = not any(parts)

    def flatten(value: Any, values: list[Any], note: Append) -> None:
        if value is None:
            note(None)
            return
        note(0)
        if len(value) != width:
            raise ValueError(f"{len(value)} values for {width} fields")
        if plain:
            values.extend(value)
            return
        for part, inner in zip(parts, value, strict=True):
            if part is None:
                values.append(inner)
            else:
                part(inner, values, note)

    return flatten


def _list_flattener(kind: pa.DataType) -> Callable[[Any, list[Any], Append], None]:
    inner_kinds = (kind.key_type, kind.item_type) if pa.types.is_map(kind) else (kind.value_type,)
    numbers = _is_number(inner_kinds[0])
    first, *second = [_flattener(inner) for inner in inner_kinds]

    def flatten(value: Any, values: list[Any], note: Append) -> None:
        if value is None:
            note(None)
            return
        note(len(value))
        if numbers:
            values.extend(value)
        elif second:
            for key, item in value:
                first(key, values, note)
                second[0](item, values, note)
        else:
            for inner in value:
                first(inner, values, note)

    return flatten


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_timestamp(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind))


_flatten_row = _flattener(_ROW)


# --- where each value lies in a message -------------------------------------------------------------------------------------------


class _Template:
    """A message with holes.

    tokens, values: of all rows, one behind the other. message: as the plain way made it from them.
    """

    def __init__(self, tokens: tuple[Any, ...], values: list[Any], row_count: int, message: bytes) -> None:
        rest, numbered = iter(tokens), iter(enumerate(values))
        cells = [_cell(_ROW, rest, numbered) for _ in range(row_count)]
        pieces: list[bytes | tuple[int, str]] = []
        for field, column in zip(_ROW, zip(*cells, strict=True), strict=True):
            _lay_out(field.type, list(column), pieces)
        body_bytes = sum(len(piece) if isinstance(piece, bytes) else struct.calcsize("<" + piece[1]) for piece in pieces)
        # Fixed bytes and holes by turns, so that one slice assignment fills all holes.
        fixed, order, codes = [message[: len(message) - body_bytes]], [], []
        for piece in pieces:
            if isinstance(piece, bytes):
                fixed[-1] += piece
            else:
                order.append(piece[0])
                codes.append(piece[1])
                fixed.append(b"")
        self._order = itemgetter(*order)
        self._parts: list[Any] = [b""] * (2 * len(fixed) - 1)
        self._parts[::2] = fixed
        holes = [code + f"{len(after)}s" for code, after in zip(codes, fixed[1:], strict=True)]
        self._struct = struct.Struct(f"<{len(fixed[0])}s" + "".join(holes))

    def fill(self, values: list[Any]) -> bytes:
        """The message of rows with these values. Raises struct.error for a number out of its type's range."""
        self._parts[1::2] = self._order(values)
        return self._struct.pack(*self._parts)


def _cell(kind: pa.DataType, tokens: Iterator[Any], numbered: Iterator[tuple[int, Any]]) -> Cell:
    """The next value of a shape, its leaves as (index among the values, bytes)."""
    if _is_number(kind):
        index, value = next(numbered)
        return None if value is None else (index, 0)
    token = next(tokens)
    if token is None or pa.types.is_boolean(kind):
        return token
    if pa.types.is_struct(kind):
        return tuple([_cell(field.type, tokens, numbered) for field in kind])
    if pa.types.is_map(kind):
        return [(_cell(kind.key_type, tokens, numbered), _cell(kind.item_type, tokens, numbered)) for _ in range(token)]
    if _is_list(kind):
        return [_cell(kind.value_type, tokens, numbered) for _ in range(token)]
    return next(numbered)[0], token


_CODES = {"double": "d", "float": "f", "int64": "q", "int32": "i", "int16": "h", "int8": "b"}
_EMPTY = object()  # what Arrow puts into the children of a null struct: no null, but nothing


def _lay_out(kind: pa.DataType, cells: list[Cell], pieces: list[bytes | tuple[int, str]]) -> None:
    """Appends the buffers of a column (Arrow columnar format, 'Serialization and IPC'): bytes where all is said by the shape,
    (index of the value, struct format) where a value goes."""
    pieces.append(_bits([cell is not None for cell in cells]) if any(cell is None for cell in cells) else b"")
    if pa.types.is_struct(kind):
        for index, field in enumerate(kind):
            inner = [_EMPTY if cell is None or cell is _EMPTY else cell[index] for cell in cells]
            _lay_out(field.type, inner, pieces)
    elif pa.types.is_map(kind):
        pairs = _opened(cells, pieces)
        pieces.append(b"")  # the pairs are never null
        _lay_out(kind.key_type, [key for key, _ in pairs], pieces)
        _lay_out(kind.item_type, [item for _, item in pairs], pieces)
    elif pa.types.is_list(kind):
        _lay_out(kind.value_type, _opened(cells, pieces), pieces)
    elif pa.types.is_fixed_size_list(kind):
        nothing = [_EMPTY] * kind.list_size
        inner = [part for cell in cells for part in (nothing if cell is None or cell is _EMPTY else cell)]
        _lay_out(kind.value_type, inner, pieces)
    elif pa.types.is_boolean(kind):
        pieces.append(_bits([cell is True for cell in cells]))
    elif pa.types.is_string(kind) or pa.types.is_binary(kind):
        lengths = [0 if cell is None or cell is _EMPTY else cell[1] for cell in cells]
        pieces.append(_offsets(lengths))
        pieces += [(cell[0], f"{cell[1]}s") for cell in cells if isinstance(cell, tuple)]
        pieces.append(b"\0" * (-sum(lengths) % _PAD))
    else:
        code = _CODES["int64" if pa.types.is_timestamp(kind) else str(kind)]
        width = struct.calcsize("<" + code)
        pieces += [(cell[0], code) if isinstance(cell, tuple) else b"\0" * width for cell in cells]
        pieces.append(b"\0" * (-width * len(cells) % _PAD))


def _opened(cells: list[Cell], pieces: list[bytes | tuple[int, str]]) -> list[Cell]:
    """The offsets of a list or map column; gives what its cells hold."""
    lists = [[] if cell is None or cell is _EMPTY else cell for cell in cells]
    pieces.append(_offsets([len(inner) for inner in lists]))
    return [part for inner in lists for part in inner]


def _offsets(lengths: list[int]) -> bytes:
    ends = [0]
    for length in lengths:
        ends.append(ends[-1] + length)
    return _padded(struct.pack(f"<{len(ends)}i", *ends))


def _bits(values: list[bool]) -> bytes:
    return _padded(sum(value << index for index, value in enumerate(values)).to_bytes(-(-len(values) // 8), "little"))


def _padded(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % _PAD)
