"""Writes golden_statsmodels.json: paths of exponential smoothing with fixed
parameters and fixed first states, by statsmodels 0.13.5 (ETSModel).

    python3 golden.py > golden_statsmodels.json

The series are composed: any program can make them again from the formulas.
"""
import json
import math
import warnings

import numpy as np
import statsmodels
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

warnings.simplefilter("ignore")


def season():
    """A rising year of months with a fixed, uneven disturbance."""
    return [round(100 + 0.5 * t + 20 * math.sin(2 * math.pi * t / 12)
                  + 12 * ((t * 7919 % 101) / 101 - 0.5), 2) for t in range(96)]


FIRST = [18, 9, -3, -12, -18, -15, -9, 0, 6, 9, 12, 3]
CASES = {
    "smoothing": dict(error="add"),
    "trend": dict(error="add", trend="add"),
    "damped": dict(error="add", trend="add", damped_trend=True),
    "additive": dict(error="add", trend="add", damped_trend=True,
                     seasonal="add", seasonal_periods=12),
}


def path(kind):
    y = np.array(season())
    options = dict(CASES[kind])
    initial = dict(initial_level=95.0)
    params = [0.3]
    if "trend" in options:
        params.append(0.05)
        initial["initial_trend"] = 0.4
    if "seasonal" in options:
        params.append(0.15)
        initial["initial_seasonal"] = FIRST
    if options.get("damped_trend"):
        params.append(0.9)
    model = ETSModel(y, initialization_method="known", **options, **initial)
    result = model.smooth(params + states(initial))
    return [float(v) for v in result.forecast(24)]


def states(initial):
    values = [initial["initial_level"]]
    if "initial_trend" in initial:
        values.append(initial["initial_trend"])
    # statsmodels keeps the latest figure first.
    values.extend(reversed(initial.get("initial_seasonal", [])))
    return values


print(json.dumps({
    "tool": "statsmodels " + statsmodels.__version__,
    "season": season(),
    "paths": {kind: path(kind) for kind in CASES},
}, indent=1))
