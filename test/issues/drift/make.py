"""Golden values of drift by scipy: samples as float32, their two-sample KS statistic and Wasserstein distance in
population standard deviations of the reference (at least 0.001). Writes golden.json beside itself.

    python3 -m venv venv && venv/bin/pip install numpy==2.4.6 scipy==1.17.1 && venv/bin/python make.py
    npx biome check --write golden.json
"""

import json
from pathlib import Path

import numpy as np
from scipy.stats import ks_2samp, wasserstein_distance

random = np.random.default_rng(20261129)


def draw(values, shares, rows):
    return random.choice(np.array(values, dtype=np.float32), size=rows, p=shares)


def normal(rows, mean=0.0, deviation=1.0):
    return random.normal(mean, deviation, rows).astype(np.float32)


def often(value, share, rest):
    return np.where(random.random(len(rest)) < share, np.float32(value), rest)


hours = list(range(24))
peak = np.exp(-((np.arange(24) - 9.0) ** 2) / 18)
late = np.exp(-((np.arange(24) - 14.0) ** 2) / 18)
week = [0.2, 0.2, 0.2, 0.2, 0.1, 0.05, 0.05]

# name: reference, current, how exact the sketch is (relative; 0: to the digits of a float)
cases = {
    "a constant that becomes another": (np.zeros(400), np.full(100, 5.0), 0),
    "a constant that falls below": (np.full(400, 7.0), np.full(100, -2.5), 0),
    "a constant that stays, but for a tenth": (np.full(400, 7.0), draw([7, 8], [0.9, 0.1], 200), 0),
    "a constant of no exact decimal": (np.full(300, 0.1), np.full(100, 0.3), 0),
    "a binary of 10 % that becomes 60 %": (draw([0, 1], [0.9, 0.1], 500), draw([0, 1], [0.4, 0.6], 400), 0),
    "a binary whose one becomes 1000": (draw([0, 1], [0.5, 0.5], 400), draw([0, 1000], [0.5, 0.5], 400), 0),
    "a binary that becomes constant": (draw([0, 1], [0.3, 0.7], 400), np.zeros(50), 0),
    "days of the week": (draw(range(7), week, 700), draw(range(7), week[::-1], 300), 0),
    "fifteen values": (draw(range(0, 45, 3), None, 700), draw(range(9, 45, 3), None, 300), 0),
    "hours of the day": (draw(hours, peak / peak.sum(), 900), draw(hours, late / late.sum(), 500), 0),
    "thirty values": (draw(range(30), None, 900), draw(range(10, 30), None, 500), 0),
    "values between those of training": (draw([0, 10], [0.5, 0.5], 400), np.full(100, 5.0), 0),
    "growth beyond the greatest": (normal(800), normal(400, 6.0), 0.005),
    "growth below the least": (normal(800), normal(400, -9.0, 2.0), 1e-3),
    "a spread that grows on both sides": (normal(800), normal(400, 0.0, 8.0), 0.01),
    "mostly zero": (often(0, 0.8, np.abs(normal(900))), often(0, 0.3, np.abs(normal(500))), 0.01),
    "often a value in the middle": (often(0.25, 0.5, normal(900)), often(0.25, 0.05, normal(500)), 0.05),
    "many values, shifted": (normal(900), normal(500, 0.4), 0.02),
}


def shortest(value):
    """The shortest decimal that is this float32 once it is rounded to one."""
    return float(np.format_float_scientific(value, unique=True))


golden = []
for name, (reference, current, exactness) in cases.items():
    reference = np.asarray(reference, dtype=np.float32)
    current = np.asarray(current, dtype=np.float32)
    deviation = max(float(np.std(reference.astype(np.float64))), 0.001)
    golden.append(
        {
            "name": name,
            "exactness": exactness,
            "reference": [shortest(value) for value in reference],
            "current": [shortest(value) for value in current],
            "ks": float(ks_2samp(reference, current, method="asymp").statistic),
            "wasserstein": wasserstein_distance(reference, current) / deviation,
        }
    )

lines = ",\n".join(json.dumps(case) for case in golden)
Path(__file__).with_name("golden.json").write_text(f"[\n{lines}\n]\n")
