"""clickhouse-connect with its defaults, and each of its compressions: what goes in comes out."""

import os
import threading
import time

import clickhouse_connect
from clickhouse_connect.driver.external import ExternalData

place = {
    "host": "127.0.0.1",
    "port": int(os.environ["PORT"]),
    "username": "default",
    "password": os.environ["PASSWORD"],
}
client = clickhouse_connect.get_client(**place)
client.command("CREATE TABLE numbers (n UInt32, text String) ENGINE = MergeTree ORDER BY n")
written = client.insert("numbers", [[i, f"text {i}"] for i in range(100_000)], column_names=["n", "text"])
assert written.written_rows == 100_000, written.written_rows
for compress in ["lz4", "zstd", "gzip", False]:
    other = clickhouse_connect.get_client(**place, compress=compress)
    other.insert("numbers", [[1, str(compress)]], column_names=["n", "text"])
    assert other.query("SELECT * FROM numbers").row_count > 100_000, compress
assert client.query("SELECT count(), sum(n) FROM numbers").result_rows == [(100_004, 4_999_950_004)]
people = ExternalData(file_name="people.csv", data=b"1,ann\n2,bob\n", fmt="CSV", structure="id UInt32, name String")
named = client.query("SELECT name FROM people WHERE id > {least:UInt8}", parameters={"least": 1}, external_data=people)
assert named.result_rows == [("bob",)], named.result_rows

ended = []


def endless():
    try:
        client.query(
            "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1", settings={"query_id": "endless"}
        )
    except Exception as error:
        ended.append(str(error))


running = threading.Thread(target=endless)
running.start()
killer = clickhouse_connect.get_client(**place)
deadline = time.monotonic() + 30
while not ended and time.monotonic() < deadline:
    killer.command("KILL QUERY WHERE query_id = 'endless' SYNC")
    running.join(0.1)
assert "QUERY_WAS_CANCELLED" in ended[0], ended
print("clickhouse-connect passes")
