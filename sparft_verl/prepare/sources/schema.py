"""One Arrow schema over all inputs, or a message that names both files, the column and the types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import types as t

from sparft_verl.prepare.errors import PrepareError

Named = tuple[str, pa.Schema]


def unify(schemas: Sequence[Named]) -> pa.Schema:
    """Return the schema that holds all columns of all inputs, given as (file name, schema).

    Columns and struct fields that only some have are null in the others, integers and floats become floats.
    Anything else that differs is a PrepareError: to write a number as text would change what a row is.
    """
    whole = pa.schema([])
    for at, (name, schema) in enumerate(schemas):
        for earlier, other in schemas[:at]:
            found = next(_clashes(other, schema), None)
            if found is not None:
                path, one, two = found
                raise PrepareError(
                    f"train files must have columns of like types, but column {path!r} is {one} in {earlier!r} "
                    f"and {two} in {name!r}; cast the column in one of them, or prepare the files apart"
                )
        whole = pa.unify_schemas([whole, schema.remove_metadata()], promote_options="permissive")
    return whole


def _clashes(a: Any, b: Any, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield (path, type, type) of what cannot be one column. `a` and `b` are schemas or struct types."""
    names = set(b.names if isinstance(b, pa.Schema) else [f.name for f in b])
    for field in a:
        if field.name in names:
            yield from _pair(prefix + field.name, field.type, b.field(field.name).type)


def _pair(path: str, a: Any, b: Any) -> Iterator[tuple[str, Any, Any]]:
    if a == b or t.is_null(a) or t.is_null(b):
        return
    if t.is_struct(a) and t.is_struct(b):
        yield from _clashes(a, b, path + ".")
    elif _is_list(a) and _is_list(b):
        yield from _pair(path + "[]", a.value_type, b.value_type)
    elif _kind(a) != _kind(b):
        yield path, a, b


def _is_list(kind: Any) -> bool:
    return bool(t.is_list(kind) or t.is_large_list(kind))


def _kind(kind: Any) -> str:
    """Return what decides whether two types can be one: Arrow alone would also merge text with bytes."""
    if t.is_string(kind) or t.is_large_string(kind):
        return "text"
    if t.is_integer(kind) or t.is_floating(kind):
        return "number"
    return "bytes" if t.is_binary(kind) or t.is_large_binary(kind) else str(kind)


def plain_type(kind: Any) -> Any:
    """Return the type that parquet can hold and the data set library can read, with equal values."""
    if t.is_dictionary(kind):
        return plain_type(kind.value_type)
    if t.is_struct(kind):
        # Parquet has no struct without fields; such a column holds nothing but nulls and empty dicts.
        return pa.struct([f.with_type(plain_type(f.type)) for f in kind]) if len(kind) else pa.null()
    if _is_list(kind):
        make = pa.large_list if t.is_large_list(kind) else pa.list_
        return make(kind.value_field.with_type(plain_type(kind.value_type)))
    return {"string_view": pa.string(), "binary_view": pa.binary()}.get(str(kind), kind)


def plain(array: Any) -> Any:
    """Return the array in its `plain_type`; the very same array where that changes nothing."""
    kind = plain_type(array.type)
    if kind == array.type:
        return array
    if t.is_null(kind):
        return pa.nulls(len(array))
    if t.is_struct(kind):
        children = [plain(child) for child in array.flatten()]
        return pa.StructArray.from_arrays(children, fields=list(kind), mask=array.is_null())
    if _is_list(kind):
        whole = array.take(pa.array(np.arange(len(array))))  # a slice has no offsets of its own
        make = pa.LargeListArray if t.is_large_list(kind) else pa.ListArray
        return make.from_arrays(whole.offsets, plain(whole.values), type=kind, mask=whole.is_null())
    return array.cast(kind)


def cast(table: Any, schema: Any) -> Any:
    """Return the table with exactly the columns, order and types of `schema`, what it lacks as null.

    Raises pa.ArrowInvalid where an integer has no exact float.
    """
    if table.schema.equals(schema):
        return table
    return pa.concat_tables([schema.empty_table(), table], promote_options="permissive")


def paths(fields: Any, prefix: str = "") -> list[str]:
    """Return every column and, dotted, every field of a struct column."""
    found = []
    for entry in fields:
        found.append(prefix + entry.name)
        if t.is_struct(entry.type):
            found += paths(entry.type, f"{prefix}{entry.name}.")
    return found
