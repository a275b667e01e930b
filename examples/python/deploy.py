"""Deploys the champion that register.py has made onto a stream of payments and reads what it predicts.

MLFLOW_TRACKING_URI=http://localhost:4000 python deploy.py
"""

import json
import os
import time

import mlflow
import numpy as np
import onnxruntime
import requests
from payments import COLUMNS, payments

NAME = "fraud"
PROJECT = "default"
TOPIC = "payments"
URL = os.environ["MLFLOW_TRACKING_URI"]
PATIENCE_SECONDS = 60

session = requests.Session()
if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
    session.headers["authorization"] = f"Bearer {token}"


def ask(query, **variables):
    """The data of one GraphQL request."""
    answer = session.post(f"{URL}/graphql", json={"query": query, "variables": variables}).json()
    if "errors" in answer:
        raise RuntimeError(answer["errors"][0]["message"])
    return answer["data"]


def command(name, payload):
    kind = f"{name[0].upper()}{name[1:]}Input"
    query = f"mutation($project: String!, $input: {kind}!) {{ {name}(project: $project, input: $input) {{ position }} }}"
    return ask(query, project=PROJECT, input=payload)


fields = [("id", "string"), ("at", "long"), *((column, "double") for column in COLUMNS)]
schema = {"type": "record", "name": "Payment", "fields": [{"name": name, "type": kind} for name, kind in fields]}
source = {"id": "payments", "topic": TOPIC, "key": "id", "timestamp": "at", "schema": json.dumps(schema)}
command("createEventSource", {**source, "partitions": 1})

version = int(mlflow.MlflowClient().get_model_version_by_alias(NAME, "champion").version)
split = [{"model": NAME, "version": version, "variant": "champion", "share": 1}]
columns = [{"name": column, "from": f"event.{column}"} for column in COLUMNS]
command("createDeployment", {"id": "fraud", "trigger": "payments", "columns": columns, "split": split})

table, _ = payments(rows=20, seed=11)
now = int(time.time() * 1000)
records = [
    {"value": {"id": f"payment-{i}", "at": now + i, **{name: float(value) for name, value in row.items()}}}
    for i, row in table.iterrows()
]
produced = session.post(
    f"{URL}/topics/{TOPIC}",
    data=json.dumps({"records": records}),
    headers={"content-type": "application/vnd.kafka.json.v2+json"},
)
produced.raise_for_status()

PREDICTIONS = """query($project: String!) {
  predictions(project: $project, endpoint: "fraud", first: 100) { edges { node { entity output } } }
}"""
deadline = time.monotonic() + PATIENCE_SECONDS
outputs = {}
while len(outputs) < len(records):
    if time.monotonic() > deadline:
        raise TimeoutError(f"{len(outputs)} of {len(records)} predictions after {PATIENCE_SECONDS} s")
    time.sleep(0.25)
    edges = ask(PREDICTIONS, project=PROJECT)["predictions"]["edges"]
    outputs = {edge["node"]["entity"]: edge["node"]["output"] for edge in edges}

model = onnxruntime.InferenceSession(mlflow.onnx.load_model(f"models:/{NAME}@champion").SerializeToString())
expected = model.run(["probabilities"], {"input": table.to_numpy()})[0][:, 1]
found = [outputs[f"payment-{i}"] for i in range(len(records))]
np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
print(f"{len(found)} predictions of version {version}, as the model gives them in Python")
