"""Tracks a sweep over the depth of boosted trees: parameters, metrics in batches, a file, and the best of the runs.

MLFLOW_TRACKING_URI=http://localhost:4000 python sweep.py
"""

import mlflow
from mlflow.entities import Metric
from mlflow.utils.time import get_current_time_millis
from payments import payments
from sklearn.model_selection import train_test_split
from xgboost import XGBClassifier

BATCH = 1000

table, fraud = payments()
train, test, train_fraud, test_fraud = train_test_split(table, fraud, random_state=1)
experiment = mlflow.set_experiment("fraud-sweep")
client = mlflow.MlflowClient()

for depth in (1, 2, 3):
    with mlflow.start_run(run_name=f"depth-{depth}") as run:
        mlflow.log_params({"depth": depth, "trees": 1000})
        mlflow.set_tag("team", "payments")
        model = XGBClassifier(n_estimators=1000, max_depth=depth, learning_rate=0.02, eval_metric="logloss")
        model.fit(train, train_fraud, eval_set=[(test, test_fraud)], verbose=False)
        losses = model.evals_result()["validation_0"]["logloss"]
        now = get_current_time_millis()
        points = [Metric("loss", loss, now, step) for step, loss in enumerate(losses)]
        for start in range(0, len(points), BATCH):
            client.log_batch(run.info.run_id, metrics=points[start : start + BATCH])
        mlflow.log_metric("best_loss", min(losses))
        mlflow.log_dict({"depth": depth, "accuracy": float(model.score(test, test_fraud))}, "reports/summary.json")

runs = client.search_runs(
    [experiment.experiment_id],
    filter_string="tags.team = 'payments' AND metrics.best_loss < 1",
    order_by=["metrics.best_loss ASC"],
)
best = runs[0]
history = client.get_metric_history(best.info.run_id, "loss")
summary = mlflow.artifacts.load_dict(f"{best.info.artifact_uri}/reports/summary.json")
assert len(history) == 1000, len(history)
assert str(summary["depth"]) == best.data.params["depth"]
print(f"{len(runs)} runs; best {best.info.run_name}, loss {best.data.metrics['best_loss']:.4f}, {len(history)} points")
