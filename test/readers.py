# SPDX-License-Identifier: Apache-2.0
"""Read one capture with pyarrow, pandas, polars and DuckDB, raw and converted, and compare every column.

Usage: readers.py CAPTURE PARQUET INFO [STREAMS]

CAPTURE is a capture directory, PARQUET the directory it was converted into, INFO the output of `analyze info --json`,
STREAMS that of `replay --arrow`. Captures of random tables, without table task, are compared too.
Row counts must be those of INFO; types must be those of FORMAT.md (timestamps UTC nanoseconds, integers integers); a
checksum of each column must be the same in every reader, raw and converted; and the columns that the conversion joins
must have the values of table task.
"""

import hashlib
import json
import pathlib
import sys

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

TS = pa.timestamp("ns", tz="UTC")
# The types that each reader may have for a column type of FORMAT.md.
DUCKDB = {"int32": "INTEGER", "int64": "BIGINT", "text": "VARCHAR", "texts": "VARCHAR[]"}
POLARS = {
    "int32": pl.Int32(),
    "int64": pl.Int64(),
    "time": pl.Datetime("ns", "UTC"),
    "text": pl.String(),
    "texts": pl.List(pl.String()),
}
PANDAS = {
    "int32": "int32",
    "int64": "int64",
    "time": "datetime64[ns, UTC]",
    "text": ("str", "object"),
    "texts": "object",
}

failures = 0


def fail(text):
    global failures
    failures += 1
    print("FAILED:", text)


def digest(values):
    """A checksum over a column as Python values: ints (timestamps as ns), strings, lists of strings."""
    h = hashlib.sha256()
    for v in values:
        h.update(repr(v).encode())
        h.update(b"\n")
    return h.hexdigest()


def kind_of(what, field):
    """The name used here for an Arrow type, a key of POLARS and PANDAS."""
    if field.type in (pa.int32(), pa.int64()):
        return str(field.type)
    if field.type == TS:
        return "time"
    if field.type == pa.string():
        return "text"
    if pa.types.is_list(field.type) and field.type.value_type == pa.string():
        return "texts"
    fail(f"{what}: {field.name} is {field.type}")


def from_arrow(what, table):
    """Kinds and values of the columns of an Arrow table."""
    kinds, values = {}, {}
    for field in table.schema:
        kind = kind_of(what, field)
        if not kind:
            continue
        kinds[field.name] = kind
        column = table[field.name]
        if column.null_count:
            fail(f"{what}: {field.name} has nulls")
        values[field.name] = (column.cast(pa.int64()) if field.type == TS else column).to_pylist()
    return kinds, values


def from_pandas(what, frame, kinds):
    out = {}
    for name, kind in kinds.items():
        if name not in frame:
            continue
        series = frame[name]
        if str(series.dtype) not in PANDAS[kind]:
            fail(f"{what}: {name} is {series.dtype}, not {PANDAS[kind]}")
        elif kind == "time":
            out[name] = series.astype("int64").tolist()
        elif kind == "texts":
            out[name] = [list(v) for v in series]
        else:
            out[name] = series.tolist()
    return out


def from_polars(what, frame, kinds):
    out = {}
    for name, kind in kinds.items():
        if name not in frame.columns:
            continue
        series = frame[name]
        if series.dtype != POLARS[kind]:
            fail(f"{what}: {name} is {series.dtype}, not {POLARS[kind]}")
        else:
            out[name] = (series.to_physical() if kind == "time" else series).to_list()
    return out


def from_duckdb(what, db, relation, kinds):
    out = {}
    types = dict(db.sql(f"select column_name, column_type from (describe select * from {relation})").fetchall())
    for name, kind in kinds.items():
        if name not in types:
            continue
        expression = f'"{name}"'
        if kind == "time":
            # Whether the type has a time zone depends on the version. epoch_ns must have all nine digits.
            expression = f'epoch_ns("{name}")'
            if not types[name].startswith("TIMESTAMP"):
                fail(f"{what}: {name} is {types[name]}, no timestamp")
        elif types[name] != DUCKDB[kind]:
            fail(f"{what}: {name} is {types[name]}, not {DUCKDB[kind]}")
        out[name] = [row[0] for row in db.sql(f"select {expression} from {relation}").fetchall()]
    return out


def segments(directory):
    """The segments of a table, and all of them as pyarrow reads them."""
    files = sorted(directory.glob("*.arrow"))
    tables = []
    for f in files:
        with pa.ipc.open_file(f) as reader:
            table = reader.read_all()
        table.validate(full=True)
        for field in table.schema:
            if field.nullable:
                fail(f"{f}: {field.name} is nullable")
        tables.append(table)
    return files, pa.concat_tables(tables)


def compare(what, expected, got, rows):
    counts = {len(values) for values in got.values()}
    if counts != {rows}:
        fail(f"{what}: {counts} rows, not {rows}")
        return
    for name, values in expected.items():
        if name not in got:
            fail(f"{what}: no column {name}")
        elif digest(got[name]) != digest(values):
            at = next(i for i in range(rows) if got[name][i] != values[i])
            fail(f"{what}: row {at}: {name} is {got[name][at]!r}, not {values[at]!r}")


def check_join(what, table, tasks):
    """The columns that the conversion joined have the values of table task."""
    ids = table["task"].to_pylist()
    tasks = tasks | {0: {"comm": "", "pid": 0, "tid": 0}}  # the kernel
    for name in ("comm", "pid", "tid"):
        if name not in table.column_names:
            fail(f"{what}: no joined column {name}")
        elif name == "pid" and "ppid" in table.column_names:
            continue  # table process has a pid of its own
        else:
            for i, (task, value) in enumerate(zip(ids, table[name].to_pylist())):
                if value != tasks[task][name]:
                    fail(f"{what}: row {i}: {name} is {value!r}, but that of task {task} is {tasks[task][name]!r}")
                    break


def check_streams(path, capture):
    """`replay --arrow` wrote a stream of each table, sorted by name, with the rows of its segments."""
    names = []
    with pa.OSFile(str(path)) as file:
        while file.tell() < file.size():
            table = pa.ipc.open_stream(file).read_all()
            table.validate(full=True)
            name = table.schema.metadata[b"fletch.table"].decode()
            names.append(name)
            if not table.equals(segments(capture / name)[1]):
                fail(f"{name}, streamed: other rows than the segments")
    if names != sorted(d.name for d in capture.iterdir() if d.is_dir()):
        fail(f"streams of {names}")
    return len(names)


def check_empty(file, db):
    """A table without rows is a file without row groups."""
    counts = {
        "pyarrow": pa.parquet.read_table(file).num_rows,
        "pandas": len(pd.read_parquet(file)),
        "polars": len(pl.read_parquet(file)),
        "duckdb": db.sql(f"select count(*) from '{file}'").fetchall()[0][0],
    }
    if any(counts.values()):
        fail(f"{file}: rows: {counts}")


def check_raw(db, directory, name, rows):
    """Compares the segments in all readers; returns the table, kinds and values of its columns, or three times None."""
    files, table = segments(directory)
    if table.num_rows != rows:
        fail(f"{name}: pyarrow reads {table.num_rows} rows, not {rows}")
        return None, None, None
    kinds, expected = from_arrow(f"{name}, raw, pyarrow", table)
    what = f"{name}, raw, pandas"
    compare(what, expected, from_pandas(what, table.to_pandas(), kinds), rows)
    what = f"{name}, raw, polars"
    compare(what, expected, from_polars(what, pl.concat([pl.read_ipc(f) for f in files]), kinds), rows)
    # DuckDB reads Arrow tables in pyarrow's memory, not files.
    what = f"{name}, raw, duckdb"
    db.register("segment", table)
    compare(what, expected, from_duckdb(what, db, "segment", kinds), rows)
    return table, kinds, expected


def check_texts(what, got, texts):
    """Where an id has become NAME_id, NAME is the text of its row."""
    for column, of_id in texts.items():
        if f"{column}_id" not in got:
            continue
        for i, (number, text) in enumerate(zip(got[f"{column}_id"], got[column])):
            if text != (of_id.get(number, text) if number else ""):
                fail(f"{what}: row {i}: {column} is {text!r}, but that of id {number} is {of_id.get(number)!r}")
                break


def check_parquet(db, file, name, rows, kinds, expected, texts):
    """The file has the table's rows in the same order, with or without joined columns; returns the table read from it."""
    what = f"{name}, parquet, pyarrow"
    converted = pa.parquet.read_table(file)
    converted_kinds, got = from_arrow(what, converted)
    check_texts(what, got, texts)
    stays = {c: f"{c}_id" if f"{c}_id" in got else c for c in kinds}
    kinds = {stays[c]: kind for c, kind in kinds.items()}
    expected = {stays[c]: values for c, values in expected.items()}
    compare(what, expected, got, rows)
    for column, kind in kinds.items():
        if converted_kinds.get(column, kind) != kind:
            fail(f"{what}: {column} is {converted_kinds[column]}, not {kind}")
    expected, kinds = got, converted_kinds
    what = f"{name}, parquet, pandas"
    compare(what, expected, from_pandas(what, pd.read_parquet(file), kinds), rows)
    what = f"{name}, parquet, polars"
    compare(what, expected, from_polars(what, pl.read_parquet(file), kinds), rows)
    what = f"{name}, parquet, duckdb"
    compare(what, expected, from_duckdb(what, db, f"'{file}'", kinds), rows)
    check_skipping(db, file, name, expected, kinds)
    return converted


def check_skipping(db, file, name, expected, kinds):
    """Readers that skip pages by bounds, dictionaries and indexes find all rows with a value."""
    for column, kind in kinds.items():
        if kind in ("time", "texts"):
            continue
        values = expected[column]
        wanted = values[len(values) // 2]
        count = values.count(wanted)
        got = {
            "pyarrow": pa.parquet.read_table(file, columns=[column], filters=[(column, "=", wanted)]).num_rows,
            "polars": len(pl.scan_parquet(file).filter(pl.col(column) == wanted).select(column).collect()),
            "duckdb": db.execute(f'select count(*) from \'{file}\' where "{column}" = ?', [wanted]).fetchall()[0][0],
        }
        for reader, n in got.items():
            if n != count:
                fail(f"{name}, parquet, {reader}: {n} rows with {column} {wanted!r}, not {count}")


def check_table(db, capture, parquet, name, rows, tasks, texts):
    """One table of a capture, raw and converted."""
    table, kinds, expected = check_raw(db, capture / name, name, rows)
    if table is None:
        return
    converted = check_parquet(db, parquet / f"{name}.parquet", name, rows, kinds, expected, texts)
    joined = [c for c in converted.column_names if c not in kinds]
    if table.column_names[:3] == ["ts", "cpu", "task"]:
        check_join(f"{name}, parquet", converted, tasks)
    if "nr" in table.column_names and "name" not in joined:
        fail(f"{name}, parquet: no joined column name")
    print(f"{name}: {rows} rows, {len(table.column_names)} columns and {len(joined)} joined", *joined)


def texts_of(capture, tables, name, column, text):
    """The texts of the ids of a table."""
    if not tables.get(name, {}).get("rows"):
        return {}
    return {row[column]: row[text] for row in segments(capture / name)[1].to_pylist()}


def main(capture, parquet, info, streams=None):
    db = duckdb.connect()
    db.sql("set TimeZone = 'UTC'")
    tables = json.loads(info.read_text())["tables"]
    tasks = {}
    if "task" in tables:
        tasks = {row["task"]: row for row in segments(capture / "task")[1].to_pylist()}
    paths = texts_of(capture, tables, "path", "path", "name")
    strings = texts_of(capture, tables, "string", "string", "value")
    texts = {"path": paths, "path2": paths, "dir": paths, "dir2": paths, "str": strings, "str2": strings}
    readings = check_streams(streams, capture) if streams else 0
    for name, table in sorted(tables.items()):
        file = parquet / f"{name}.parquet"
        if table["rows"] > 0:
            check_table(db, capture, parquet, name, table["rows"], tasks, texts)
            readings += 8
        elif file.exists():
            check_empty(file, db)
            readings += 4
    print(f"{readings} readings, {failures} failed")
    return 1 if failures or not readings else 0


if __name__ == "__main__":
    sys.exit(main(*map(pathlib.Path, sys.argv[1:5])))
