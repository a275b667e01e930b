"""
Makes the ONNX files of this folder as people export them, with the numbers of the libraries themselves: `python make.py`.

pip install onnx onnxruntime scikit-learn skl2onnx xgboost lightgbm onnxmltools catboost torch onnxscript
"""

import io
import json
import pathlib

import catboost
import lightgbm
import numpy as np
import onnxmltools
import torch
from onnxmltools.convert.common.data_types import FloatTensorType as OtherFloat
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.mixture import GaussianMixture
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.svm import SVR, LinearSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier, XGBRegressor

folder = pathlib.Path(__file__).parent
random = np.random.default_rng(11)
torch.manual_seed(11)
offsets = np.array([0.0, 500.0, -20.0, 0.1], dtype=np.float32)
scales = np.array([1.0, 200.0, 5.0, 0.02], dtype=np.float32)
rows = (random.normal(size=(300, 4)).astype(np.float32) * scales + offsets).astype(np.float32)
amount = ((rows - offsets) / scales) @ np.array([1.0, -2.0, 0.5, 0.7], dtype=np.float32)
label = (amount + random.normal(scale=0.5, size=300) > 0).astype(int)
grades = np.digitize(amount, [-1, 1])
probe = rows[:40]
models = {}


def keep(name, onnx, task, expected, output=None, outputIndex=None):
    """`task`: what the file says, or None. `expected` None: refused, as long as no output is named."""
    (folder / f"{name}.onnx").write_bytes(onnx if isinstance(onnx, bytes) else onnx.SerializeToString())
    numbers = None if expected is None else np.asarray(expected, dtype=np.float64).reshape(len(probe)).tolist()
    models[name] = {"task": task, "expected": numbers, "output": output, "outputIndex": outputIndex}


def scikit(model, target, **options):
    model.fit(rows, target)
    chosen = {id(model): options} if options else None
    return to_onnx(model, initial_types=[("X", FloatTensorType([None, 4]))], options=chosen, target_opset={"": 17, "ai.onnx.ml": 3})


def classifier(name, model, target=label, task="binary", **options):
    onnx = scikit(model, target, zipmap=False, **options)
    keep(name, onnx, task, None if task is None else model.predict_proba(probe)[:, 1])
    return onnx


def regressor(name, model):
    onnx = scikit(model, amount)
    keep(name, onnx, "regression", model.predict(probe))


other = [("input", OtherFloat([None, 4]))]

classifier("sklearn-logistic", make_pipeline(StandardScaler(), LogisticRegression()))
classifier("sklearn-logistic-minmax", make_pipeline(MinMaxScaler(), LogisticRegression()))
classifier("sklearn-logistic-pca", make_pipeline(RobustScaler(), PCA(2), LogisticRegression()))
classifier("sklearn-tree", DecisionTreeClassifier(max_depth=3, min_samples_leaf=20))
classifier("sklearn-forest", RandomForestClassifier(n_estimators=5, max_depth=3, random_state=0))
classifier("sklearn-extra-trees", ExtraTreesClassifier(n_estimators=5, max_depth=3, random_state=0))
classifier("sklearn-boosting", GradientBoostingClassifier(n_estimators=4, max_depth=2, random_state=0))
classifier("sklearn-network", make_pipeline(StandardScaler(), MLPClassifier((5,), random_state=0, max_iter=300)))
classifier("sklearn-neighbours", make_pipeline(StandardScaler(), KNeighborsClassifier(5)))
classifier("sklearn-bayes", GaussianNB())
classifier("sklearn-ada", AdaBoostClassifier(n_estimators=3, random_state=0))
names = np.array(["no", "yes"])[label]
classifier("sklearn-names", make_pipeline(StandardScaler(), LogisticRegression()), names)
numbers = np.array([-1, 1])[label]
classifier("sklearn-minus-one", make_pipeline(StandardScaler(), LogisticRegression()), numbers)
# A vote of two, which scikit-learn means; a calibrated one.
pair = [("a", DecisionTreeClassifier(max_depth=2)), ("b", GaussianNB())]
vote = VotingClassifier(pair, voting="soft", flatten_transform=False).fit(rows, label)
keep("sklearn-vote", scikit(vote, label, zipmap=False), "any", vote.predict_proba(probe)[:, 1])
calibrated = CalibratedClassifierCV(GaussianNB(), cv=2)
keep("sklearn-calibrated", scikit(calibrated, label, zipmap=False), "any", calibrated.predict_proba(probe)[:, 1])

# What has two outputs a row and is no classifier of two classes, or named probabilities and none.
linear = LinearSVC(max_iter=50)
keep("sklearn-linear-svc", scikit(linear, label), "any", linear.decision_function(probe))
hinge = SGDClassifier(random_state=0)
keep("sklearn-hinge", scikit(hinge, label, zipmap=False), None, None)
forest = IsolationForest(n_estimators=5, max_samples=64, random_state=0)
keep("sklearn-isolation", scikit(forest, None), None, forest.decision_function(probe))
one = make_pipeline(StandardScaler(), OneClassSVM(nu=0.9, max_iter=50))
keep("sklearn-one-class", scikit(one, None), None, one.decision_function(probe))
centres = make_pipeline(StandardScaler(), KMeans(2, n_init=1, random_state=0))
keep("sklearn-two-means", scikit(centres, None), None, None)
keep("sklearn-two-means-named", scikit(centres, None), None, centres.transform(probe)[:, 0], "scores", 0)
mixture = GaussianMixture(2, random_state=0)
keep("sklearn-mixture", scikit(mixture, None), "any", mixture.predict_proba(probe)[:, 1])
three = make_pipeline(StandardScaler(), LogisticRegression())
keep("sklearn-three-classes", scikit(three, grades, zipmap=False), None, None)
keep("sklearn-three-classes-named", scikit(three, grades, zipmap=False), None, three.predict_proba(probe)[:, 2], "probabilities", 2)
maps = make_pipeline(StandardScaler(), LogisticRegression())
keep("sklearn-zipmap", scikit(maps, label), "binary", maps.predict_proba(probe)[:, 1])

regressor("sklearn-ridge", make_pipeline(StandardScaler(), Ridge()))
regressor("sklearn-forest-regressor", RandomForestRegressor(n_estimators=5, max_depth=3, random_state=0))
regressor("sklearn-neighbours-regressor", make_pipeline(StandardScaler(), KNeighborsRegressor(5)))
regressor("sklearn-network-regressor", make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(5,), random_state=0, max_iter=300)))
regressor("sklearn-svr", make_pipeline(StandardScaler(), SVR(C=0.1)))

boosted = XGBClassifier(n_estimators=4, max_depth=2).fit(rows, label)
keep("xgboost-classifier", onnxmltools.convert_xgboost(boosted, initial_types=other, target_opset=15), "binary", boosted.predict_proba(probe)[:, 1])
boosted = XGBRegressor(n_estimators=4, max_depth=2).fit(rows, amount)
keep("xgboost-regressor", onnxmltools.convert_xgboost(boosted, initial_types=other, target_opset=15), "regression", boosted.predict(probe))
leaves = lightgbm.LGBMClassifier(n_estimators=4, max_depth=2, verbose=-1).fit(rows, label)
keep("lightgbm-classifier", onnxmltools.convert_lightgbm(leaves, initial_types=other, target_opset=15, zipmap=False), "binary", leaves.predict_proba(probe)[:, 1])
leaves = lightgbm.LGBMRegressor(n_estimators=4, max_depth=2, verbose=-1).fit(rows, amount)
keep("lightgbm-regressor", onnxmltools.convert_lightgbm(leaves, initial_types=other, target_opset=15), "regression", leaves.predict(probe))


def cat(model, target):
    model.fit(rows, target)
    path = folder / "catboost.tmp"
    model.save_model(str(path), format="onnx")
    onnx = path.read_bytes()
    path.unlink()
    return onnx


few = {"iterations": 4, "depth": 2, "verbose": False, "allow_writing_files": False}
symmetric = catboost.CatBoostClassifier(**few)
keep("catboost-classifier", cat(symmetric, label), "binary", symmetric.predict_proba(probe)[:, 1])
symmetric = catboost.CatBoostRegressor(**few)
keep("catboost-regressor", cat(symmetric, amount), "any", symmetric.predict(probe))

scaled = torch.tensor(scales), torch.tensor(offsets)


class Net(torch.nn.Module):
    """Answers what it is asked to: a value, probabilities, logits beside probabilities, two heads, a hidden layer too."""

    def __init__(self, answer):
        super().__init__()
        self.hidden, self.value, self.two = torch.nn.Linear(4, 3), torch.nn.Linear(3, 1), torch.nn.Linear(3, 2)
        self.answer = answer

    def forward(self, x):
        h = torch.relu(self.hidden((x - scaled[1]) / scaled[0]))
        return self.answer(self, x, h)


def net(name, answer, task, pick, output=None, outputIndex=None, names=None):
    model = Net(answer).eval()
    batch = torch.tensor(probe)
    buffer = io.BytesIO()
    torch.onnx.export(model, (batch,), buffer, dynamo=False, input_names=["x"], output_names=names, dynamic_axes={"x": {0: "N"}})
    with torch.no_grad():
        answers = model(batch)
    keep(name, buffer.getvalue(), task, None if pick is None else pick(answers).numpy(), output, outputIndex)


net("torch-value", lambda m, x, h: m.value(h), None, lambda a: a)
net("torch-flat", lambda m, x, h: m.value(h).squeeze(1), None, lambda a: a)
net("torch-probability", lambda m, x, h: torch.sigmoid(m.value(h)), "binary", lambda a: a, names=["probability"])
net("torch-softmax", lambda m, x, h: torch.softmax(m.two(h), 1), "binary", lambda a: a[:, 1])
net("torch-logits", lambda m, x, h: m.two(h), None, None)
net("torch-logits-and-softmax", lambda m, x, h: (lambda t: (t, torch.softmax(t, 1)))(m.two(h)), "binary", lambda a: a[1][:, 1], names=["logits", "probs"])
net("torch-logit-and-sigmoid", lambda m, x, h: (lambda t: (t, torch.sigmoid(t)))(m.value(h)), "any", lambda a: a[1])
net("torch-input-too", lambda m, x, h: (x * 1, x.reshape(-1, 4), m.value(h)), "any", lambda a: a[2])
net("torch-hidden-too", lambda m, x, h: (h[:, :1], m.value(h)), None, None)
net("torch-two-heads", lambda m, x, h: (m.value(h), torch.sigmoid(m.two(h)[:, :1])), None, None, names=["amount", "probability"])
net("torch-two-heads-named", lambda m, x, h: (m.value(h), torch.sigmoid(m.two(h)[:, :1])), None, lambda a: a[0], "amount", names=["amount", "probability"])

(folder / "expected.json").write_text(json.dumps({"rows": probe.tolist(), "models": models}) + "\n")
