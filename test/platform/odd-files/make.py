#!/usr/bin/env python3
"""Makes the small odd files beside it, and right.json: what pandas, pyarrow, fastavro and json read in them.

pip install pandas==3.1.1 pyarrow==26.0.1 fastavro==1.13.1 cramjam==2.14.0 backports.zstd==1.8.0
python make.py     (writes files/ and right.json anew, the same bytes each time)
"""
import base64, csv, datetime as dt, decimal, io, json, math, os, shutil, uuid
import fastavro, numpy as np, pandas as pd, pyarrow as pa, pyarrow.parquet as pq

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = os.path.join(HERE, "files")
D = decimal.Decimal
UTC = dt.timezone.utc
decimal.getcontext().prec = 100
right = []


def store(name, data):
    with open(os.path.join(FILES, name), "wb") as file:
        file.write(data)


def path(name):
    return os.path.join(FILES, name)


def moment(text):
    """Without the zeros at the end of a second's digits, which say nothing."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def cell(value, kind):
    """A value as text, by the kind of its column; nested ones as they are."""
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if kind == "int":
        return str(int(value))
    if kind in ("float", "float32"):
        return repr(float(value))
    if kind == "bool":
        return "true" if value else "false"
    if kind == "bytes":
        return value.hex()
    if kind == "decimal":
        return format(value.normalize() if value else D(0), "f")
    if kind == "date":
        return value.isoformat()
    if kind == "clock":
        return moment(value.isoformat() if value.microsecond else value.isoformat() + ".0")
    if kind == "timestamp":
        return moment(value) if isinstance(value, str) else moment(stamp(value))
    if kind == "json":
        return json.dumps(plain(value), ensure_ascii=False)
    return str(value)


def stamp(value):
    if getattr(value, "tzinfo", None) is not None:
        value = value.astimezone(UTC).replace(tzinfo=None) if not isinstance(value, pd.Timestamp) else value.tz_convert("UTC").tz_localize(None)
    nano = getattr(value, "nanosecond", 0)
    text = f"{value.year:04}-{value.month:02}-{value.day:02} {value.hour:02}:{value.minute:02}:{value.second:02}"
    return f"{text}.{value.microsecond:06}{nano:03}"


def plain(value):
    """As JSON has it: bytes as base64, times as ISO texts, decimals as numbers."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, tuple) or isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, (dt.datetime, pd.Timestamp)):
        return "moment " + moment(stamp(value))
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, D):
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def expect(name, columns, rows):
    """columns: [(name, kind)]; rows: lists of Python values."""
    right.append({
        "file": name,
        "columns": [{"name": n, "kind": k} for n, k in columns],
        "rows": [[cell(v, k) for v, (_, k) in zip(row, columns)] for row in rows],
    })


def refuse(name, data, message, row=None, column=None):
    store(name, data)
    right.append({"file": name, "refused": message, **({"row": row} if row else {}), **({"column": column} if column else {})})


# --- CSV: texts as pandas reads them, then as the kind of their column says -----------------------------------------

MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"]


def of_text(text, kind):
    if text is None or (isinstance(text, float) and math.isnan(text)):
        return None
    if kind == "int":
        return int(text)
    if kind == "float":
        return float(text)
    if kind == "bool":
        return text.strip().lower() == "true"
    if kind == "date":
        return dt.date.fromisoformat(text.strip())
    if kind == "timestamp":
        body, zone = (text[:-1], "+00:00") if text.endswith("Z") else (text, "")
        for at in range(len(body) - 1, 10, -1):
            if body[at] in "+-":
                body, zone = body[:at], body[at:]
                break
        head, _, digits = body.replace("T", " ").partition(".")
        value = dt.datetime.fromisoformat(head + zone)
        value = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return f"{value.isoformat(sep=' ')}.{digits or 0}"
    return text


def comma(name, data, kinds, **read):
    """kinds by column, in order; pandas reads the file as text, so that nothing is guessed but what is missing."""
    store(name, data if isinstance(data, bytes) else data.encode())
    kinds = kinds.split()
    header = pd.read_csv(path(name), nrows=0, **read).columns
    na = {n: [""] if k == "text" else MISSING for n, k in zip(header, kinds)}
    frame = pd.read_csv(path(name), dtype=str, keep_default_na=False, na_values=na, **read)
    rows = [[of_text(v, k) for v, k in zip(row, kinds)] for row in frame.itertuples(index=False, name=None)]
    expect(name, list(zip(header, kinds)), rows)


def csvs():
    comma("plain.csv", "a,b,c\n1,x,1.5\n2,y,\n", "int text float")
    comma("crlf.csv", "a,b\r\n1,x\r\n2,y\r\n", "int text")
    comma("cr.csv", "a,b\r1,x\r2,y\r", "int text")
    comma("no-last-line-end.csv", "a,b\n1,x\n2,y", "int text")
    comma("byte-order-mark.csv", b"\xef\xbb\xbfa,b\n1,\xc3\xa9\n", "int text")
    frame = pd.DataFrame({"a": [1, 2], "ö": ["é", "😀, x"]})
    comma("utf-16-le.csv", frame.to_csv(index=False).encode("utf-16"), "int text", encoding="utf-16")
    comma("utf-16-be.csv", b"\xfe\xff" + frame.to_csv(index=False).encode("utf-16-be"), "int text", encoding="utf-16")
    comma("utf-16-no-mark.csv", frame.to_csv(index=False, sep="\t").encode("utf-16-le"), "int text", sep="\t", encoding="utf-16-le")
    comma("excel-unicode-text.csv", frame.to_csv(index=False, sep="\t", lineterminator="\r\n").encode("utf-16"), "int text", sep="\t", encoding="utf-16")
    comma("semicolon.csv", "a;b;c\n1;1,5;x\n2;2,75;y, z\n", "int text text", sep=";")
    comma("tab.csv", "a\tb\n1\tx, y\n2\t\n", "int text", sep="\t")
    comma("pipe.csv", "a|b\n1|x;y\n", "int text", sep="|")
    comma("semicolon-quoted.csv", 'a;"b;c"\n1;"x;""y"""\n', "int text", sep=";")
    comma("header-of-two-lines.csv", '"a\nb",c\n1,2\n3,4\n5,6\n', "int int")
    comma("header-of-three-lines.csv", 'x,"a\nb\nc"\n1,2\n3,4\n', "int int")
    comma("header-with-crlf.csv", b'"Sales\r\n(EUR)",c\r\n1,2\r\n3,4\r\n', "int int")
    comma("cells-of-lines.csv", 'a,b\n1,"x\n\ny"\n2,"\r\n"\n', "int text")
    comma("quotes.csv", 'a,b\n"1","say ""hi"""\n2,""""\n', "int text")
    comma("quote-within.csv", 'a,b\n1,5" pipe\n2,x"y"z\n', "int text")
    comma("blanks-kept.csv", "a, b \n x , y\n\tz ,  \n", "text text")
    comma("backslash-n.csv", "a,b\n\\N,1\nx,2\n", "text int")
    comma("missing.csv", "a,b,c\nNA,NA,x\nnull,1,NA\nx,,\n,NaN,y\n", "text int text")
    comma("no-value-at-all.csv", "a,b\n,1\n,2\n", "text int")
    comma("index-of-pandas.csv", pd.DataFrame({"a": [5, 6]}, index=[10, 20]).to_csv(), "int int")
    comma("two-unnamed.csv", ",,a\n1,2,3\n", "int int int")
    comma("separator-at-the-end.csv", "a,b,\n1,2,\n3,4,\n", "int int text")
    comma("blank-lines.csv", "\n\na,b\n1,2\n\n\n3,4\n\n", "int int")
    comma("int64.csv", "a\n9223372036854775807\n-9223372036854775808\n", "int")
    comma("uint64.csv", "a\n18446744073709551615\n0\n", "int")
    comma("beyond-uint64.csv", "a\n18446744073709551617\n1\n", "text")
    comma("signed-and-unsigned.csv", "a\n18446744073709551615\n-1\n", "text")
    comma("large-whole-and-fraction.csv", "a\n9007199254740993\n1.5\n", "text")
    comma("floats.csv", "a,b\n0.1,inf\n1.7976931348623157e308,-inf\n5e-324,1\n-0.0,2\n1.2345678901234567e+19,3\n0.30000000000000004,\n", "float float")
    comma("too-large-for-a-float.csv", "a\n1e999\n1\n", "text")
    comma("leading-zeros.csv", "zip,n\n00501,0\n10001,-7\n", "text int")
    comma("booleans.csv", "a,b\ntrue,True\nFALSE,\n", "bool bool")
    comma("dates.csv", "a,b\n1900-01-01,2024-02-29\n2299-12-31,\n", "date date")
    comma("dates-far.csv", "a,b\n0001-01-01,1899-12-31\n9999-12-31,2300-01-01\n", "text text")
    comma("no-such-date.csv", "a,b\n2024-02-30,2024-02-30T00:00:00\n2024-01-01,2024-01-01T00:00:00\n", "text text")
    comma("times.csv", "a,b\n2024-03-10T02:30:00Z,2024-03-10 02:30\n2024-03-10 02:30:00.5,2024-03-10 02:30:01\n", "timestamp timestamp")
    comma("times-with-zones.csv", "a\n2024-03-10T02:30:00+05:30\n2024-03-10T02:30:00-08:00\n2024-03-10T02:30:00\n", "timestamp")
    comma("times-far.csv", "a\n0001-01-01T00:00:00\n9999-12-31T23:59:59.999999\n1600-02-29 12:00:00\n", "timestamp")
    comma("nanoseconds.csv", "a\n2024-03-10T02:30:00.123456789\n2024-03-10T02:30:00\n", "timestamp")
    comma("nanoseconds-far.csv", "a\n9999-03-10T02:30:00.123456789\n2024-03-10T02:30:00\n", "text")
    comma("hour-24.csv", "a,b\n2024-03-10T24:00:00,2024-03-10T23:59:60\n", "text text")
    comma("long.csv", "a,b\n" + "x" * 66000 + ',"' + "y\n" * 20 + '"\nz,w\n', "text text")
    store("excel-sep.csv", b"sep=;\r\na;b\r\n1;2\r\n")
    frame = pd.read_csv(path("excel-sep.csv"), sep=";", skiprows=1)
    expect("excel-sep.csv", [("a", "int"), ("b", "int")], frame.values.tolist())
    # pandas cannot tell an empty text from a missing one, or a line that is a missing value from one that is none.
    store("empty-text.csv", b'a,b,c\n"",1,\n,2,""\nx,"",3\n')
    expect("empty-text.csv", [("a", "text"), ("b", "int"), ("c", "int")], [["", 1, None], [None, 2, None], ["x", None, 3]])
    store("one-column.csv", b'a\nx\n""\n\ny\n\n')
    expect("one-column.csv", [("a", "text")], [["x"], [""], [None], ["y"]])
    refuse("latin-1.csv", "a,b\n1,x\n2,café\n".encode("latin-1"), "0xe9 is not UTF-8", 2, "b")
    refuse("latin-1-header.csv", "café,b\n1,x\n".encode("latin-1"), "line 1, column 1: the byte 0xe9 is not UTF-8")
    refuse("too-many-values.csv", b'a,b\n1,"x\ny"\n2,3,4\n', r"row 2 \(line 4\)", 2, "b")
    refuse("too-few-values.csv", b"a,b\n1,2\n3\n", r"row 2 \(line 3\)", 2, "b")
    refuse("quote-never-closed.csv", b'a,b\n1,2\n3,"open\n4,5\n', "line 3: a quoted value begins")
    refuse("text-behind-quote.csv", b'a,b\n1,"x"y\n', "behind the closing quote", 1, "b")
    refuse("same-name-twice.csv", b"a,b,a\n1,2,3\n", 'line 1, column 3: "a" is there twice', None, "a")
    refuse("header-alone.csv", b"a,b\n", "no rows")
    refuse("half-a-character.csv", b"a\nx\n\xe2\x82", "within a character", 2, "a")
    refuse("utf-16-cut.csv", "a\nx".encode("utf-16") + b"y", "within a character", 1, "a")
    refuse("utf-32.csv", "a\nx\n".encode("utf-32"), "UTF-32")


# --- JSON: values as Python's json reads them -----------------------------------------------------------------------


def lines(name, text, kinds, many=None, encoding="utf-8"):
    store(name, text.encode(encoding))
    rows = many(text) if many else [json.loads(line) for line in text.splitlines() if line.strip()]
    names = list(dict.fromkeys(key for row in rows for key in row))
    columns = list(zip(names, kinds.split()))

    def value(row, key, kind):
        found = row.get(key)
        return of_text(found, kind) if kind in ("date", "timestamp") else found

    expect(name, columns, [[value(row, key, kind) for key, kind in columns] for row in rows])


def jsons():
    lines("lines.json", '{"a":1,"b":"x"}\n{"a":2,"c":true}\n', "int text bool")
    lines("array.json", ' [ {"a": 1},\n {"a": 2, "b": null} ]\n', "int text", json.loads)
    lines("pretty.json", json.dumps([{"a": 1, "n": {"x": [1, 2]}}, {"a": 2, "n": None}], indent=2), "int json", json.loads)
    lines("nested.json", '{"r":{"a":1,"b":[1,null,{"c":"d"}]},"l":[]}\n{"r":null,"l":null}\n{"r":{},"l":[1.5]}\n', "json json")
    lines("null-everywhere.json", '{"a":null,"b":1}\n{"a":null,"b":2}\n', "text int")
    lines("int64.json", '{"a":9223372036854775807,"b":9007199254740993}\n{"a":-9223372036854775808,"b":1}\n', "int int")
    lines("uint64.json", '{"a":18446744073709551615}\n{"a":0}\n', "int")
    lines("beyond-uint64.json", '{"a":123456789012345678901234567890,"n":[123456789012345678901234567890]}\n{"a":1,"n":[]}\n', "text json")
    lines("floats.json", '{"a":1.0,"b":0.1}\n{"a":2,"b":1e-7}\n{"a":-0.0,"b":1.7976931348623157e308}\n', "float float")
    lines("kinds-mixed.json", '{"a":1}\n{"a":"x"}\n{"a":true}\n{"a":{"b":1}}\n', "json")
    lines("escapes.json", '{"a":"\\u00e9\\n\\"\\ud83d\\ude00","b\\u0041":"\\\\N"}\n', "text text")
    lines("texts-of-numbers.json", '{"a":"5","b":"true","c":"NA"}\n{"a":"6","b":"false","c":"1"}\n', "text text text")
    lines("texts-kept.json", '{"a":" x ","b":""}\n{"a":"null","b":"NaN"}\n', "text text")
    lines("dates.json", '{"d":"2024-02-29","t":"2024-03-10T02:30:00.123456789Z"}\n{"d":null,"t":"2024-03-10T02:30:00Z"}\n', "date timestamp")
    lines("dates-and-na.json", '{"d":"2024-02-29"}\n{"d":"NA"}\n', "text")
    lines("same-key-twice.json", '{"a":1,"a":2}\n', "int")
    lines("utf-16.json", '{"a":"é","b":1}\n', "text int", encoding="utf-16")
    lines("byte-order-mark.json", '{"a":1}\n', "int", encoding="utf-8-sig")
    lines("one-line.json", '{"a":1}{"a":2} {"a":3}', "int", lambda text: [{"a": 1}, {"a": 2}, {"a": 3}])
    refuse("nan.json", b'{"a":1}\n{"b":2,"a":NaN}\n', "not valid JSON", 2, "a")
    refuse("null-record.json", b'{"a":1}\nnull\n', "an object is expected", 2)
    refuse("numbers.json", b"[1,2,3]", "an object is expected", 1)
    refuse("cut.json", b'{"a":1}\n{"a":', "ends within the row", 2)
    refuse("cut-array.json", b'[{"a":1}', "ends within the array")
    refuse("latin-1.json", '{"a":"x"}\n{"a":"café"}\n'.encode("latin-1"), "0xe9 is not UTF-8", 2)
    refuse("half-a-pair.json", b'{"a":"\\ud800"}', "UTF-16 pair", 1, "a")
    refuse("no-field.json", b"{}\n{}\n", "no row has a field")


# --- Parquet: values as pyarrow reads them --------------------------------------------------------------------------


def python_values(array):
    if pa.types.is_timestamp(array.type):
        ints = array.cast(pa.timestamp(array.type.unit)).view(pa.int64()).to_pylist()
        per = {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}[array.type.unit]
        digits = {"s": 1, "ms": 3, "us": 6, "ns": 9}[array.type.unit]

        def text(value):
            seconds, rest = divmod(value, per)
            return f"{dt.datetime(1970, 1, 1) + dt.timedelta(seconds=seconds)}.{rest:0{digits}}"

        return [None if v is None else text(v) for v in ints]
    if pa.types.is_time(array.type) and array.type.unit == "ns":
        return [None if v is None else (dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=v // 1000)).time() for v in array.cast(pa.int64()).to_pylist()]
    if pa.types.is_map(array.type):
        return [None if v is None else dict(v) for v in array.to_pylist()]
    return array.to_pylist()


def parquet(name, columns, kinds, **write):
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    pq.write_table(table, path(name), **write)
    read = pq.read_table(path(name))
    kinds = kinds.split()
    values = [python_values(column.combine_chunks()) for column in read.columns]
    names = [n or f"Unnamed: {i}" for i, n in enumerate(read.column_names)]
    expect(name, list(zip(names, kinds)), list(zip(*values)))


def parquets():
    ts = lambda values, unit, zone=None: pa.array(values, pa.timestamp(unit, zone))
    parquet("dates.parquet", {"a": pa.array([-25567, 120529, None], pa.date32()), "b": pa.array([0, 86400000, None], pa.date64())}, "date date")
    parquet("dates-far.parquet", {"a": pa.array([0, 2932896, -719162, None], pa.date32()), "b": pa.array([120530, -25568, 1, None], pa.date32())}, "text text")
    parquet("times.parquet", {"s": ts([0, None, -1], "s"), "ms": ts([1, None, -1234567], "ms"), "us": ts([1, None, -1234567], "us"), "ns": ts([1, None, -1234567891], "ns")}, "timestamp timestamp timestamp timestamp")
    parquet("times-far.parquet", {"us": ts([253402300799999999, -62135596800000000, None], "us"), "ms": ts([253402300799999, -62135596800000, 0], "ms"), "y1600": ts([-11670955200000, None, 0], "ms")}, "timestamp timestamp timestamp")
    parquet("times-with-zones.parquet", {"a": ts([0, None, 1710000000123456], "us", "Europe/Berlin"), "b": ts([0, None, 1], "ns", "UTC")}, "timestamp timestamp")
    parquet("int96.parquet", {"a": ts([0, None, -1234567, 123456789], "ns")}, "timestamp", use_deprecated_int96_timestamps=True)
    # What pyarrow itself reads as nanoseconds, and so wraps around, when it is not told otherwise.
    table = pa.table({"a": ts([0, 253402300799999999, -62135596800000000, None, 1], "us")})
    pq.write_table(table, path("int96-far.parquet"), use_deprecated_int96_timestamps=True)
    read = pq.read_table(path("int96-far.parquet"), coerce_int96_timestamp_unit="us")
    expect("int96-far.parquet", [("a", "timestamp")], [[v] for v in python_values(read["a"].combine_chunks())])
    parquet("clock.parquet", {"s": pa.array([1, 86399, None], pa.time32("s")), "ms": pa.array([1, 86399999, None], pa.time32("ms")), "us": pa.array([1, 86399999999, None], pa.time64("us")), "ns": pa.array([1000, 86399999999000, None], pa.time64("ns"))}, "clock clock clock clock")
    parquet("durations.parquet", {"a": pa.array([1, None, -5], pa.duration("us")).cast(pa.int64())}, "int")
    parquet("lists.parquet", {"l": pa.array([[1, None], None, []]), "ll": pa.array([[[1], None, []], None, [[]]]), "t": pa.array([["é", None], [], None])}, "json json json")
    parquet("records.parquet", {"r": pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": None}])}, "json")
    parquet("records-of-required.parquet", {"r": pa.array([{"a": 1}, None, {"a": 3}], pa.struct([pa.field("a", pa.int64(), False)]))}, "json")
    parquet("lists-of-records.parquet", {"x": pa.array([[{"a": 1, "l": [1]}, None, {"a": None, "l": None}], None, [], [{"a": 2, "l": []}]])}, "json")
    parquet("records-of-lists.parquet", {"x": pa.array([{"l": [1], "r": {"m": [None]}}, {"l": None, "r": None}, None])}, "json")
    parquet("maps.parquet", {"m": pa.array([[("k", 1), ("j", None)], None, []], pa.map_(pa.string(), pa.int64())), "i": pa.array([[(1, "x")], [], None], pa.map_(pa.int32(), pa.string()))}, "json json")
    far = pa.struct([("d", pa.date32()), ("t", pa.timestamp("us")), ("x", pa.decimal128(20, 2)), ("b", pa.binary()), ("u", pa.uint64()), ("f", pa.float64()), ("h", pa.float32())])
    row = {"d": dt.date(9999, 12, 31), "t": dt.datetime(1, 1, 1), "x": D("-1.50"), "b": b"\xff\x00", "u": 2**64 - 1, "f": math.inf, "h": 0.5}
    parquet("records-of-all-kinds.parquet", {"r": pa.array([row, None, {**row, "f": math.nan, "x": D("12.25")}], far)}, "json")
    parquet("large-integers-nested.parquet", {"l": pa.array([[2**63 - 1, -2**63], [2**53 + 1]])}, "json")
    parquet("whole-lists.parquet", {"f": pa.array([[0.5, None], [], [1.5]], pa.list_(pa.float32())), "i": pa.array([[1], [2**63 - 1, -2**63], [None]]), "b": pa.array([[True], [], [None]]), "n": pa.array([[1], None, []], pa.list_(pa.int8())), "u": pa.array([[2**64 - 1], [], [0]], pa.list_(pa.uint64())), "q": pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.int32(), 2))}, "json json json json json json")
    parquet("names-with-dots.parquet", {"x.a": pa.array([[1, 2], [3]]), "x.b": pa.array([[1], [3, 4]]), "y.z": pa.array([1, 2])}, "json json int")
    parquet("names-by-case.parquet", pa.Table.from_arrays([pa.array([1]), pa.array(["x"])], names=["a", "A"]), "int text")
    parquet("name-empty.parquet", pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["", "b"]), "int int")
    parquet("names-odd.parquet", {"select": pa.array([1]), "a b": pa.array([2]), "a`b\"c\\": pa.array([3]), "ключ\n": pa.array([4])}, "int int int int")
    parquet("dictionary.parquet", {"a": pa.array(["x", None, "x"]).dictionary_encode(), "b": pa.array([1.5, 1.5, None]).dictionary_encode()}, "text float")
    parquet("large-strings.parquet", {"a": pa.array(["x", None, ""], pa.large_string()), "b": pa.array(["v", None, "w"], pa.string_view()), "c": pa.array([["l"], None, []], pa.large_list(pa.string()))}, "text text json")
    parquet("bytes.parquet", {"a": pa.array([b"\xff\x00", None, b""], pa.binary()), "b": pa.array([b"abc", None, b"\xff\x00x"], pa.binary(3))}, "bytes bytes")
    parquet("float16.parquet", {"a": pa.array(np.array([1.5, 65504, 5.960464477539063e-08], np.float16)), "b": pa.array([0.1, None, math.inf], pa.float32())}, "float32 float32")
    parquet("decimals.parquet", {"a": pa.array([D("1.50"), None], pa.decimal128(10, 2)), "b": pa.array([D("12345678901234567890123456789012345.678"), None], pa.decimal128(38, 3)), "c": pa.array([D(10) ** 70, D("-0.01")], pa.decimal256(76, 2)), "d": pa.array([D("-9.99"), None], pa.decimal128(3, 2))}, "decimal decimal decimal decimal")
    parquet("decimals-as-integers.parquet", {"a": pa.array([D("1.50"), None], pa.decimal128(8, 2)), "b": pa.array([D("-123456789012.34"), None], pa.decimal128(15, 2))}, "decimal decimal", store_decimal_as_integer=True)
    parquet("integers.parquet", {"u8": pa.array([255, None], pa.uint8()), "i8": pa.array([-128, None], pa.int8()), "u16": pa.array([65535, None], pa.uint16()), "u32": pa.array([2**32 - 1, None], pa.uint32()), "u64": pa.array([2**64 - 1, None], pa.uint64()), "i64": pa.array([-(2**63), 2**63 - 1])}, "int int int int int int")
    parquet("nothing.parquet", {"n": pa.nulls(2), "a": pa.array([1, 2])}, "text int")
    parquet("nothing-alone.parquet", {"n": pa.nulls(2)}, "text")
    parquet("booleans.parquet", {"a": pa.array([True, None, False])}, "bool")
    parquet("uuids.parquet", {"a": pa.array([uuid.UUID(int=7).bytes, None], pa.uuid())}, "text")
    many = list(range(1000))
    parquet("row-groups.parquet", {"a": pa.array(many), "l": pa.array([[i] * (i % 3) for i in many]), "t": pa.array([str(i) for i in many])}, "int json text", row_group_size=300)
    parquet("pages.parquet", {"a": pa.array(many), "l": pa.array([[i, None] if i % 5 else None for i in many])}, "int json", data_page_version="2.0", data_page_size=128, write_batch_size=16)
    parquet("delta.parquet", {"a": pa.array(many), "t": pa.array([f"text {i}" for i in many]), "l": pa.array([[str(i)] for i in many])}, "int text json", use_dictionary=False, column_encoding={"a": "DELTA_BINARY_PACKED", "t": "DELTA_BYTE_ARRAY", "l.list.element": "DELTA_LENGTH_BYTE_ARRAY"}, version="2.6")
    for codec in ("gzip", "brotli", "zstd", "lz4", "snappy"):
        parquet(f"{codec}.parquet", {"a": pa.array(["x" * 50] * 20), "l": pa.array([["y" * 50, None]] * 20)}, "text json", compression=codec)
    frame = pd.DataFrame({"a": [1.5, None]}, index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)]))
    parquet("index-of-pandas.parquet", pa.Table.from_pandas(frame), "float text int")
    parquet("categories-of-pandas.parquet", pa.Table.from_pandas(pd.DataFrame({"c": pd.Categorical(["a", None, "b"]), "t": pd.to_datetime(["2024-01-01", None, "2024-01-01 00:00:00.123456789"], format="ISO8601")})), "text timestamp")
    refuse("no-rows.parquet", parquet_bytes(pa.table({"a": pa.array([], pa.int64())})), "no rows")
    refuse("same-name-twice.parquet", parquet_bytes(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])), "is there twice", None, "a")
    refuse("beyond-year-9999.parquet", parquet_bytes(pa.table({"a": ts([0, 253402300800000000], "us")})), "beyond the years 0 to 9999", 2, "a")
    refuse("beyond-year-9999-nested.parquet", parquet_bytes(pa.table({"a": pa.array([[0], [253402300800000]], pa.list_(pa.timestamp("ms")))})), "beyond the years 0 to 9999", 2, "a")
    refuse("text-not-utf-8.parquet", parquet_bytes(pa.table({"a": pa.Array.from_buffers(pa.string(), 2, [None, pa.py_buffer(np.array([0, 1, 2], np.int32).tobytes()), pa.py_buffer(b"x\xff")])})), "not UTF-8", 2, "a")
    refuse("cut.parquet", parquet_bytes(pa.table({"a": pa.array(many)}))[:-200], "does not end as a Parquet file")


def parquet_bytes(table):
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


# --- Avro: values as fastavro reads them ----------------------------------------------------------------------------

N = lambda kind: ["null", kind]


def avro(name, fields, rows, kinds, codec="null"):
    schema = fastavro.parse_schema({"type": "record", "name": "Row", "fields": fields})
    with open(path(name), "wb") as file:
        fastavro.writer(file, schema, rows, codec=codec, sync_interval=400, sync_marker=bytes(range(16)))
    with open(path(name), "rb") as file:
        read = list(fastavro.reader(file))
    names = [field["name"] for field in fields]
    expect(name, list(zip(names, kinds.split())), [[row[n] for n in names] for row in read])


def avros():
    field = lambda name, kind: {"name": name, "type": kind}
    logical = lambda kind, name, **more: {"type": kind, "logicalType": name, **more}
    avro("primitives.avro", [field("b", N("boolean")), field("i", "int"), field("l", N("long")), field("f", "float"), field("d", "double"), field("by", "bytes"), field("s", ["string", "null"])],
         [dict(b=True, i=-2**31, l=2**63 - 1, f=0.1, d=5e-324, by=b"\xff\x00", s="é"), dict(b=None, i=2**31 - 1, l=-2**63, f=-0.5, d=math.inf, by=b"", s=None), dict(b=False, i=0, l=2**53 + 1, f=1, d=1, by=b"x", s=""), dict(b=False, i=-1, l=None, f=1, d=-1e300, by=b"", s=" x ")],
         "bool int int float32 float bytes text")
    avro("nothing.avro", [field("n", "null"), field("a", "int")], [dict(n=None, a=1), dict(n=None, a=2)], "text int")
    avro("union-of-string-and-long.avro", [field("u", ["null", "long", "string"])], [dict(u=1), dict(u="x"), dict(u=None), dict(u=2**60)], "json")
    avro("union-of-numbers.avro", [field("u", ["long", "double"]), field("i", ["null", "int", "long"])], [dict(u=11, i=1), dict(u=1.5, i=2**40), dict(u=2.0, i=None)], "float int")
    record = {"type": "record", "name": "Point", "namespace": "a.b", "fields": [field("x", "int"), field("y", N("string"))]}
    avro("records.avro", [field("r", N(record)), field("again", ["null", "a.b.Point"])], [dict(r={"x": 1, "y": None}, again={"x": 2, "y": "z"}), dict(r=None, again=None)], "json json")
    avro("union-of-records.avro", [field("u", ["null", {"type": "record", "name": "A", "fields": [field("a", "int")]}, "string"])], [dict(u={"a": 1}), dict(u="x"), dict(u=None)], "json")
    avro("lists-and-maps.avro", [field("l", N({"type": "array", "items": N("long")})), field("m", N({"type": "map", "values": "double"}))], [dict(l=[1, None, 2**53 + 1], m={"é": 0.1}), dict(l=None, m=None), dict(l=[], m={})], "json json")
    tree = {"type": "record", "name": "Tree", "fields": [field("v", "int"), field("next", ["null", "Tree"])]}
    avro("record-within-itself.avro", [field("t", N(tree))], [dict(t={"v": 1, "next": {"v": 2, "next": None}}), dict(t=None)], "json")
    avro("enum-and-fixed.avro", [field("e", {"type": "enum", "name": "E", "symbols": ["A", "B"]}), field("n", ["null", "E"]), field("f", {"type": "fixed", "name": "F", "size": 3})], [dict(e="A", n="B", f=b"abc"), dict(e="B", n=None, f=b"\xff\x00a")], "text text bytes")
    avro("decimal-of-bytes.avro", [field("d", N(logical("bytes", "decimal", precision=38, scale=3)))], [dict(d=D("-1.500")), dict(d=None), dict(d=D("12345678901234567890123456789012345.678"))], "decimal")
    avro("decimal-of-fixed.avro", [field("d", N({"type": "fixed", "name": "F8", "size": 8, **logical("fixed", "decimal", precision=12, scale=2)}))], [dict(d=D("1234567890.12")), dict(d=None), dict(d=D("-0.01"))], "decimal")
    avro("dates.avro", [field("d", logical("int", "date")), field("n", N(logical("int", "date")))], [dict(d=dt.date(2024, 2, 29), n=None), dict(d=dt.date(1900, 1, 1), n=dt.date(2299, 12, 31))], "date date")
    avro("dates-far.avro", [field("d", logical("int", "date"))], [dict(d=dt.date(1, 1, 1)), dict(d=dt.date(9999, 12, 31))], "text")
    avro("times.avro", [field("ms", logical("long", "timestamp-millis")), field("us", N(logical("long", "timestamp-micros"))), field("local", logical("long", "local-timestamp-micros"))],
         [dict(ms=dt.datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC), us=None, local=dt.datetime(1, 1, 1)), dict(ms=dt.datetime(1, 1, 1, tzinfo=UTC), us=dt.datetime(1600, 2, 29, 1, 2, 3, 4, tzinfo=UTC), local=dt.datetime(2024, 1, 1, 0, 0, 0, 1))], "timestamp timestamp timestamp")
    avro("clock.avro", [field("ms", logical("int", "time-millis")), field("us", logical("long", "time-micros"))], [dict(ms=dt.time(1, 2, 3, 4000), us=dt.time(23, 59, 59, 999999)), dict(ms=dt.time(0), us=dt.time(0, 0, 0, 1))], "clock clock")
    avro("uuids.avro", [field("u", logical("string", "uuid"))], [dict(u=uuid.UUID(int=1)), dict(u=uuid.UUID(int=2**127))], "text")
    avro("times-nested.avro", [field("l", {"type": "array", "items": logical("long", "timestamp-micros")}), field("r", {"type": "record", "name": "R", "fields": [field("d", logical("int", "date")), field("x", logical("bytes", "decimal", precision=9, scale=2)), field("b", "bytes"), field("f", "double")]})],
         [dict(l=[dt.datetime(1, 1, 1, tzinfo=UTC)], r=dict(d=dt.date(9999, 12, 31), x=D("-1.25"), b=b"\xff", f=math.nan)), dict(l=[], r=dict(d=dt.date(1, 1, 1), x=D("0.5"), b=b"", f=-math.inf))], "json json")
    rows = [dict(i=i, s=f"text {i}" * 5, l=[i] * (i % 4)) for i in range(200)]
    for codec in ("deflate", "snappy", "zstandard"):
        avro(f"{codec}.avro", [field("i", "int"), field("s", "string"), field("l", {"type": "array", "items": "int"})], rows, "int text json", codec)
    whole = open(path("deflate.avro"), "rb").read()
    refuse("cut.avro", whole[:-40], "ends within what it announces")
    sink = io.BytesIO()
    fastavro.writer(sink, {"type": "record", "name": "Row", "fields": [field("a", "int")]}, [], sync_marker=bytes(range(16)))
    refuse("no-rows.avro", sink.getvalue(), "no rows")
    sink = io.BytesIO()
    fastavro.writer(sink, "string", ["a", "b"], sync_marker=bytes(range(16)))
    refuse("no-records.avro", sink.getvalue(), "not records")
    texts = json.dumps({"type": "record", "name": "Row", "fields": [field("a", "int"), field("b", "string")]}).encode()
    refuse("text-not-utf-8.avro", container(texts, 2, b"\x02\x02x" + b"\x04\x02\xff"), "not UTF-8", 2, "b")
    sink = io.BytesIO()
    fastavro.writer(sink, {"type": "record", "name": "Row", "fields": [field("d", logical("long", "timestamp-micros"))]}, [dict(d=0), dict(d=253402300800000000)], sync_marker=bytes(range(16)))
    refuse("beyond-year-9999.avro", sink.getvalue(), "beyond the years 0 to 9999", 2, "d")


def container(schema, rows, block):
    """What no writer writes: rows that are not what their schema says."""

    def length(value):
        out, left = b"", value * 2
        while left > 127:
            out, left = out + bytes([left & 127 | 128]), left >> 7
        return out + bytes([left])

    mark = bytes(range(16))
    meta = length(1) + length(11) + b"avro.schema" + length(len(schema)) + schema + length(0)
    return b"Obj\x01" + meta + mark + length(rows) + length(len(block)) + block + mark


shutil.rmtree(FILES, ignore_errors=True)
os.makedirs(FILES)
csvs()
jsons()
parquets()
avros()
with open(os.path.join(HERE, "right.json"), "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(each, ensure_ascii=False) for each in right) + "\n]\n")
print(len(right), "files")
