"""Makes goldens.json: hashes of `clickhouse-cityhash`, frames of `lz4`. pip install clickhouse-cityhash lz4"""

import base64
import json
import os

import lz4.frame
from clickhouse_cityhash.cityhash import CityHash128

lengths = [0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 127, 128, 143, 144, 145, 160, 255, 256, 271, 272, 1000, 70001]


def content(length):
    return bytes((i * 7 + length) & 255 for i in range(length))


def halves(value):
    """Low, high; the package has the low half above."""
    return [str(value >> 64), str(value & (2**64 - 1))]


# 200,000 bytes whose repetitions reach back over blocks.
text = b"".join(b"row %d of a table\n" % (i % 1000) for i in range(11000))[:200000]
small = lz4.frame.BLOCKSIZE_MAX64KB
frames = {
    "linked": lz4.frame.compress(text, block_size=small, block_linked=True),
    "independent": lz4.frame.compress(text, block_size=small, block_linked=False),
    "checksums": lz4.frame.compress(text, block_size=small, content_checksum=True, block_checksum=True),
    "large blocks": lz4.frame.compress(text, block_size=lz4.frame.BLOCKSIZE_MAX4MB, store_size=False),
    "two frames": lz4.frame.compress(text[:100]) + lz4.frame.compress(text[100:]),
    "empty": lz4.frame.compress(b""),
}
goldens = {
    "hashes": [[length, *halves(CityHash128(content(length)))] for length in lengths],
    "frames": {name: base64.b64encode(frame).decode() for name, frame in frames.items()},
}
with open(os.path.join(os.path.dirname(__file__), "goldens.json"), "w") as file:
    json.dump(goldens, file, indent=1)
    file.write("\n")
