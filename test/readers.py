# SPDX-License-Identifier: Apache-2.0
"""Read one capture with four readers that are not ours, raw and converted, and compare every column.

Usage: readers.py CAPTURE PARQUET INFO

CAPTURE is a capture directory, PARQUET the directory it was converted into, INFO what `analyze info --json` says of it.
Row counts must be what INFO says; types must be the contract's (timestamps UTC nanoseconds, integers integers); and a
checksum of each column must be the same in every reader, raw and converted.
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

INTS = {pa.int32(), pa.int64()}
TS = pa.timestamp("ns", tz="UTC")
TEXTS = pa.list_(pa.string())

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


def plain(table):
    """Columns of an Arrow table as lists of ints, strings, lists of strings."""
    out = {}
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_timestamp(column.type):
            if column.type != TS:
                fail(f"{name} is {column.type}, not {TS}")
            column = column.cast(pa.int64())
        elif pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
            column = column.cast(pa.string())
        elif pa.types.is_large_list(column.type):
            column = column.cast(TEXTS)
        if column.null_count:
            fail(f"{name} has nulls")
        out[name] = column.to_pylist()
    return out


def from_pandas(frame):
    out = {}
    for name in frame.columns:
        series = frame[name]
        if isinstance(series.dtype, pd.DatetimeTZDtype):
            if str(series.dtype) != "datetime64[ns, UTC]":
                fail(f"pandas: {name} is {series.dtype}")
            out[name] = [int(v) for v in series.astype("int64")]
        elif pd.api.types.is_integer_dtype(series.dtype):
            out[name] = [int(v) for v in series]
        else:
            out[name] = [v if isinstance(v, str) else [str(x) for x in v] for v in series]
    return out


def from_polars(frame):
    for name, kind in frame.schema.items():
        if isinstance(kind, pl.Datetime) and (kind.time_unit, kind.time_zone) != ("ns", "UTC"):
            fail(f"polars: {name} is {kind}")
        elif kind.is_float() or kind.is_unsigned_integer():
            fail(f"polars: {name} is {kind}")
    return {
        name: (frame[name].to_physical() if isinstance(kind, pl.Datetime) else frame[name]).to_list()
        for name, kind in frame.schema.items()
    }


def from_duckdb(db, relation):
    """DuckDB keeps nanoseconds with a time zone as TIMESTAMP_NS or TIMESTAMPTZ, by version and reader."""
    out = {}
    for name, kind in db.sql(f"select column_name, column_type from (describe select * from {relation})").fetchall():
        if kind.startswith("TIMESTAMP"):
            expression = f"epoch_ns(\"{name}\")"
        elif kind in ("INTEGER", "BIGINT", "VARCHAR", "VARCHAR[]"):
            expression = f'"{name}"'
        else:
            fail(f"duckdb: {name} is {kind}")
            continue
        out[name] = [row[0] for row in db.sql(f"select {expression} from {relation}").fetchall()]
    return out


def segments(directory):
    files = sorted(directory.glob("*.arrow"))
    tables = []
    for f in files:
        with pa.ipc.open_file(f) as reader:
            table = reader.read_all()
        table.validate(full=True)
        for field in table.schema:
            if field.nullable:
                fail(f"{f}: {field.name} is nullable")
            if field.type not in INTS and field.type not in (TS, pa.string()) and not pa.types.is_list(field.type):
                fail(f"{f}: {field.name} is {field.type}")
        tables.append(table)
    return files, pa.concat_tables(tables)


def compare(what, expected, got, rows):
    for name, values in expected.items():
        if name not in got:
            fail(f"{what}: no column {name}")
        elif len(got[name]) != rows:
            fail(f"{what}: {name} has {len(got[name])} rows, not {rows}")
        elif digest(got[name]) != digest(values):
            fail(f"{what}: {name} differs")


def main(capture, parquet, info):
    db = duckdb.connect()
    db.sql("set TimeZone = 'UTC'")
    tables = json.loads(info.read_text())["tables"]
    checks = 0
    for name, about in sorted(tables.items()):
        rows = about["rows"]
        if rows == 0:
            continue
        files, table = segments(capture / name)
        if table.num_rows != rows:
            fail(f"{name}: pyarrow reads {table.num_rows} rows, not {rows}")
        expected = plain(table)
        # Raw segments. DuckDB reads Arrow through pyarrow's own table of the file.
        compare(f"{name}, raw, pandas", expected, from_pandas(table.to_pandas()), rows)
        raw = pl.concat([pl.read_ipc(f, memory_map=False) for f in files])
        compare(f"{name}, raw, polars", expected, from_polars(raw), rows)
        db.register("segment", table)
        compare(f"{name}, raw, duckdb", expected, from_duckdb(db, "segment"), rows)
        # Converted. The rows are in the same order, and joined columns stand beside the table's own.
        file = parquet / f"{name}.parquet"
        converted = pa.parquet.read_table(file)
        expected = {**plain(converted), **expected}
        compare(f"{name}, parquet, pyarrow", expected, plain(converted), rows)
        compare(f"{name}, parquet, pandas", expected, from_pandas(pd.read_parquet(file)), rows)
        compare(f"{name}, parquet, polars", expected, from_polars(pl.read_parquet(file)), rows)
        compare(f"{name}, parquet, duckdb", expected, from_duckdb(db, f"'{file}'"), rows)
        joined = sorted(set(converted.column_names) - set(table.column_names))
        if name in ("syscall", "process", "pending") and not {"comm", "tid"} <= set(converted.column_names):
            fail(f"{name}, parquet: no joined names, only {joined}")
        checks += 7
        print(f"{name}: {rows} rows, {len(table.column_names)} columns and {joined} the same in 7 readings")
    print(f"{checks - min(failures, checks)} passed, {failures} failed")
    return 1 if failures or not checks else 0


if __name__ == "__main__":
    sys.exit(main(*map(pathlib.Path, sys.argv[1:4])))
