"""Makes the ONNX files of this folder, as people export them: `python make.py`, with the packages of examples/python."""

import json
import pathlib

import numpy as np
import onnxmltools
import onnxruntime
from onnxmltools.convert.common.data_types import FloatTensorType as XgboostFloat
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, XGBRegressor

folder = pathlib.Path(__file__).parent
random = np.random.default_rng(7)
rows = random.normal(size=(400, 3)).astype(np.float32)
amount = rows @ np.array([1.0, -2.0, 0.5], dtype=np.float32)
label = (amount + random.normal(scale=0.3, size=400) > 0).astype(int)
grades = np.digitize(amount, [-1, 1])
probe = rows[:5]
expected = {}


def keep(name, model, column=None):
    (folder / f"{name}.onnx").write_bytes(model.SerializeToString())
    if column is None:
        return
    session = onnxruntime.InferenceSession(model.SerializeToString())
    answers = session.run(None, {session.get_inputs()[0].name: probe})
    expected[name] = np.asarray(answers[-1], dtype=np.float32).reshape(len(probe), -1)[:, column].tolist()


def scikit(model, target, **options):
    model.fit(rows, target)
    chosen = {id(model): options} if options else None
    return to_onnx(model, initial_types=[("X", FloatTensorType([None, 3]))], options=chosen, target_opset=15)


def xgboost(model, target):
    model.fit(rows, target)
    return onnxmltools.convert_xgboost(model, initial_types=[("input", XgboostFloat([None, 3]))], target_opset=15)


forest = GradientBoostingClassifier(n_estimators=3, max_depth=2, random_state=0)
keep("sklearn-classifier", scikit(forest, label, zipmap=False), 1)
pipeline = make_pipeline(StandardScaler(), LogisticRegression())
keep("sklearn-pipeline", scikit(pipeline, label, zipmap=False), 1)
keep("sklearn-zipmap", scikit(LogisticRegression(), label))
keep("sklearn-three-classes", scikit(LogisticRegression(), grades, zipmap=False))
keep("sklearn-regression", scikit(LinearRegression(), amount), 0)
keep("xgboost-classifier", xgboost(XGBClassifier(n_estimators=3, max_depth=2), label), 1)
keep("xgboost-regression", xgboost(XGBRegressor(n_estimators=3, max_depth=2), amount), 0)
(folder / "expected.json").write_text(json.dumps({"rows": probe.tolist(), "outputs": expected}, indent=2) + "\n")
