# SPDX-License-Identifier: Apache-2.0
"""Writes the segments in this directory with pyarrow.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install pyarrow && /tmp/venv/bin/python make.py

Row i of every file is that of rows(), which foreignRows in foreign_test.go computes too.
"""

import datetime
import decimal
import pathlib

import pyarrow as pa
import pyarrow.ipc as ipc

HERE = pathlib.Path(__file__).parent
N = 100
NS = pa.timestamp("ns", "UTC")


def rows(n):
    """Columns of n rows, nullable (pyarrow's default) but without nulls."""
    return {
        "ts": pa.array([1_700_000_000_000_000_000 + 1000 * i for i in range(n)], NS),
        "cpu": pa.array([i % 4 for i in range(n)], pa.int32()),
        "size": pa.array([-i << 33 for i in range(n)], pa.int64()),
        "name": pa.array([f"naïve {i}" * (i % 3) for i in range(n)], pa.string()),
        "args": pa.array([[f"a{i}.{j}" for j in range(i % 4)] for i in range(n)], pa.list_(pa.string())),
    }


def write(name, batches, **options):
    with ipc.new_file(HERE / name, batches[0].schema, options=ipc.IpcWriteOptions(**options)) as w:
        for b in batches:
            w.write_batch(b)


whole = pa.record_batch(rows(N))
for codec in None, "lz4", "zstd":
    # The offsets of a slice do not begin at 0; one batch has no rows.
    parts = [whole.slice(0, 33), whole.slice(33, 0), whole.slice(33, 60), whole.slice(93)]
    write(f"{codec or 'none'}.arrow", parts, compression=codec)

# Buffers of several LZ4 blocks, which refer to earlier blocks.
long = 40_000
batch = pa.record_batch({
    "ts": pa.array([1_700_000_000_000_000_000] * long, NS),
    "size": pa.array([i % 1000 for i in range(long)]),
})
write("blocks.arrow", [batch], compression="lz4")

columns = rows(N)
columns["cpu"] = pa.array([None] + [i % 4 for i in range(1, N)], pa.int32())
write("nulls.arrow", [pa.record_batch(columns)], compression="zstd")

# A column of each type that captures do not have, each followed by an int32 column.
unknown = {
    "null": pa.nulls(N),
    "bool": pa.array([i % 2 == 0 for i in range(N)]),
    "int8": pa.array([1] * N, pa.int8()),
    "uint32": pa.array(range(N), pa.uint32()),
    "uint64": pa.array(range(N), pa.uint64()),
    "double": pa.array([0.5] * N),
    "binary": pa.array([b"x"] * N),
    "large_string": pa.array(["x"] * N, pa.large_string()),
    "local": pa.array(range(N), pa.timestamp("ns")),
    "micros": pa.array(range(N), pa.timestamp("us", "UTC")),
    "date": pa.array([datetime.date(2024, 1, 1)] * N),
    "time": pa.array(range(N), pa.time64("ns")),
    "span": pa.array(range(N), pa.duration("ns")),
    "decimal": pa.array([decimal.Decimal("1.5")] * N, pa.decimal128(10, 2)),
    "fixed": pa.array([b"abcd"] * N, pa.binary(4)),
    "dictionary": pa.array(["x", "y"] * (N // 2)).dictionary_encode(),
    "struct": pa.array([{"a": 1, "b": ["x"]}] * N),
    "ints": pa.array([[1, 2]] * N, pa.list_(pa.int32())),
    "large_list": pa.array([["x"]] * N, pa.large_list(pa.string())),
    "pair": pa.array([[1, 2]] * N, pa.list_(pa.int32(), 2)),
    "map": pa.array([[("k", 1)]] * N, pa.map_(pa.string(), pa.int32())),
}
fields = {}
for i, (name, column) in enumerate(unknown.items()):
    fields[name] = column
    fields[f"known{i}"] = pa.array([i] * N, pa.int32())
fields |= rows(N)
# A view has a variable number of buffers, so readers that do not know it cannot find the buffers of later columns.
fields["view"] = pa.array(["a text that is longer than twelve bytes"] * N, pa.string_view())
fields["after"] = pa.array(range(N), pa.int32())
write("strange.arrow", [pa.record_batch(fields)], compression="zstd")
