"""Logs an ONNX export, registers it, and walks it through the registry: alias, stage, search, download, delete.

MLFLOW_TRACKING_URI=http://localhost:4000 python register.py
"""

import mlflow
import numpy as np
import onnxruntime
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from payments import COLUMNS, payments
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import GradientBoostingClassifier

NAME = "fraud"

table, fraud = payments()
rows = table.to_numpy()
client = mlflow.MlflowClient()
mlflow.set_experiment("fraud-models")


def log_and_register(trees):
    """The version that a run has made of a classifier, exported with zipmap off so that it can be served."""
    with mlflow.start_run(run_name=f"trees-{trees}"):
        model = GradientBoostingClassifier(n_estimators=trees, max_depth=3, random_state=0).fit(rows, fraud)
        exported = to_onnx(
            model,
            initial_types=[("input", FloatTensorType([None, rows.shape[1]]))],
            options={id(model): {"zipmap": False}},
        )
        signature = infer_signature(table, model.predict_proba(rows).astype(np.float32))
        info = mlflow.onnx.log_model(exported, name="model", signature=signature, registered_model_name=NAME)
    return exported, info.registered_model_version


exported, version = log_and_register(20)
_, second = log_and_register(30)
client.update_registered_model(NAME, "Which payments are fraudulent")
client.set_registered_model_tag(NAME, "team", "payments")
client.set_model_version_tag(NAME, version, "validated", "yes")
client.update_model_version(NAME, version, "20 trees")
client.set_registered_model_alias(NAME, "champion", version)
client.transition_model_version_stage(NAME, version, "Production", archive_existing_versions=True)
client.transition_model_version_stage(NAME, second, "Staging")

assert client.get_model_version_by_alias(NAME, "champion").version == str(version)
assert {one.version for one in client.get_latest_versions(NAME, ["Production"])} == {str(version)}
found = client.search_model_versions(f"name = '{NAME}' AND tags.validated = 'yes'")
assert str(version) in [one.version for one in found], found
assert NAME in [one.name for one in client.search_registered_models("tags.team = 'payments'")]

expected = onnxruntime.InferenceSession(exported.SerializeToString()).run(None, {"input": rows[:10]})[1]
for uri in (f"models:/{NAME}@champion", f"models:/{NAME}/{version}", f"models:/{NAME}/Production"):
    loaded = mlflow.onnx.load_model(uri)
    session = onnxruntime.InferenceSession(loaded.SerializeToString())
    np.testing.assert_array_equal(session.run(None, {"input": rows[:10]})[1], expected)
described = mlflow.pyfunc.load_model(f"models:/{NAME}@champion").metadata
assert described.get_input_schema().input_names() == COLUMNS

client.transition_model_version_stage(NAME, second, "Archived")
client.delete_model_version(NAME, second)
try:
    client.get_model_version(NAME, second)
    raise AssertionError("a deleted version is still there")
except MlflowException as error:
    assert error.error_code == "RESOURCE_DOES_NOT_EXIST", error.error_code

run = client.get_model_version(NAME, version).run_id
client.delete_run(run)
assert client.get_run(run).info.lifecycle_stage == "deleted"
client.restore_run(run)
assert client.get_run(run).info.lifecycle_stage == "active"
print(f"{NAME} version {version} is champion and in Production")
