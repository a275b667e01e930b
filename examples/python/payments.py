"""Made-up payments, some of them fraudulent, for the scripts beside this file."""

import numpy as np
import pandas as pd

COLUMNS = ["amount", "hour", "country_risk"]


def payments(rows=2000, seed=7):
    """Columns of float32, and whether each payment is a fraud."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "amount": random.exponential(80, rows),
            "hour": random.integers(0, 24, rows),
            "country_risk": random.random(rows),
        }
    ).astype(np.float32)
    score = table["amount"] / 80 + 3 * table["country_risk"] + (table["hour"] < 6) - 3.5
    fraud = (score + random.normal(scale=0.5, size=rows) > 0).astype(int)
    return table[COLUMNS], fraud
