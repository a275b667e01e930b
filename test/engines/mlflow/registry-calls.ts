import { type Call, get, patch, post, put, remove } from "./call.ts";

const files = "/api/2.0/mlflow-artifacts/artifacts";
const source = "mlflow-artifacts:/$one/$r1/artifacts/model";

const models: Call[] = [
  put("the file of a model", `${files}/$one/$r1/artifacts/model/MLmodel`, "flavors: {}\n"),
  post("a registered model", "registered-models/create", {
    name: "fraud",
    description: "finds it",
    tags: [{ key: "team", value: "a" }],
  }),
  post("a registered model of a name that is taken", "registered-models/create", { name: "fraud" }),
  post("a registered model without a name", "registered-models/create", {}),
  post("a registered model of an empty name", "registered-models/create", { name: "" }),
  post("a registered model named with a space", "registered-models/create", { name: "with space" }),
  post("a registered model named beyond ASCII", "registered-models/create", { name: "größe" }),
  post("a registered model named with a slash", "registered-models/create", { name: "a/b" }),
  post("a registered model named with a colon", "registered-models/create", { name: "a:b" }),
  post("a registered model named with a dot", "registered-models/create", { name: "a.b" }),
  post("a registered model named with a percent", "registered-models/create", { name: "a%b" }),
  post("a registered model named __proto__", "registered-models/create", { name: "__proto__" }),
  get("a registered model read", "registered-models/get", { name: "fraud" }),
  get("no registered model", "registered-models/get", { name: "nobody" }),
  get("a registered model by no name", "registered-models/get"),
  patch("describing a model", "registered-models/update", { name: "fraud", description: "found it" }),
  patch("describing no model", "registered-models/update", { name: "nobody", description: "x" }),
  post("a tag of a model", "registered-models/set-tag", { name: "fraud", key: "k", value: "v" }),
  post("a tag of a model with letters beyond ASCII", "registered-models/set-tag", {
    name: "fraud",
    key: "größe",
    value: "ß",
  }),
  post("a tag of a model named __proto__", "registered-models/set-tag", {
    name: "fraud",
    key: "__proto__",
    value: "p",
  }),
  post("a long tag of a model", "registered-models/set-tag", { name: "fraud", key: "long", value: "v".repeat(9000) }),
  post("a tag of no model", "registered-models/set-tag", { name: "nobody", key: "k", value: "v" }),
  post("a tag of a model without a key", "registered-models/set-tag", { name: "fraud", value: "v" }),
  remove("deleting a tag of a model", "registered-models/delete-tag", { name: "fraud", key: "long" }),
  remove("deleting a tag that a model has not", "registered-models/delete-tag", { name: "fraud", key: "gone" }),
  get("a model with its tags", "registered-models/get", { name: "fraud" }),
];

const versions: Call[] = [
  post("a version", "model-versions/create", {
    name: "fraud",
    source,
    run_id: "$r1",
    description: "d1",
    tags: [{ key: "k", value: "v1" }],
  }),
  post("a version of the same source", "model-versions/create", {
    name: "fraud",
    source,
    run_id: "$r1",
    description: "d2",
    tags: [{ key: "k", value: "v2" }],
  }),
  post("a version of no model", "model-versions/create", { name: "nobody", source: "s3://bucket/model" }),
  post("a version without a source", "model-versions/create", { name: "fraud" }),
  post("a version of an empty source", "model-versions/create", { name: "fraud", source: "" }),
  post("a version of a run of another server", "model-versions/create", {
    name: "fraud",
    source: "s3://bucket/model",
    run_id: "f".repeat(32),
  }),
  post("a version of a source elsewhere", "model-versions/create", { name: "fraud", source: "s3://bucket/model" }),
  post("a version of an unknown run as source", "model-versions/create", {
    name: "fraud",
    source: `runs:/${"f".repeat(32)}/model`,
    run_id: "f".repeat(32),
  }),
  post("a version whose run is none", "model-versions/create", {
    name: "fraud",
    source: "s3://bucket/model",
    run_id: "not-a-run",
  }),
  post("a version of a file of the server", "model-versions/create", { name: "fraud", source: "file:///etc/passwd" }),
  post("a version of a path of the server", "model-versions/create", { name: "fraud", source: "/etc" }),
  get("the first version", "model-versions/get", { name: "fraud", version: "1" }),
  get("the second version", "model-versions/get", { name: "fraud", version: "2" }),
  get("no version", "model-versions/get", { name: "fraud", version: "99" }),
  get("a version that is no number", "model-versions/get", { name: "fraud", version: "one" }),
  get("a version 0", "model-versions/get", { name: "fraud", version: "0" }),
  get("a version of no name", "model-versions/get", { version: "1" }),
  patch("describing a version", "model-versions/update", { name: "fraud", version: "1", description: "first" }),
  patch("describing a version with a number", "model-versions/update", {
    name: "fraud",
    version: 2,
    description: "d2",
  }),
  patch("describing no version", "model-versions/update", { name: "fraud", version: "99", description: "x" }),
  post("a tag of a version", "model-versions/set-tag", { name: "fraud", version: "1", key: "kk", value: "vv" }),
  post("a tag of no version", "model-versions/set-tag", { name: "fraud", version: "99", key: "kk", value: "vv" }),
  remove("deleting a tag of a version", "model-versions/delete-tag", { name: "fraud", version: "1", key: "kk" }),
  remove("deleting a tag that a version has not", "model-versions/delete-tag", {
    name: "fraud",
    version: "1",
    key: "gone",
  }),
  get("where a version is", "model-versions/get-download-uri", { name: "fraud", version: "1" }),
  get("where a version elsewhere is", "model-versions/get-download-uri", { name: "fraud", version: "4" }),
  get("where no version is", "model-versions/get-download-uri", { name: "fraud", version: "99" }),
];

const stages: Call[] = [
  post("a version to Staging", "model-versions/transition-stage", {
    name: "fraud",
    version: "1",
    stage: "Staging",
    archive_existing_versions: false,
  }),
  post("a version to production in small letters", "model-versions/transition-stage", {
    name: "fraud",
    version: "1",
    stage: "production",
    archive_existing_versions: true,
  }),
  post("a second version to Production", "model-versions/transition-stage", {
    name: "fraud",
    version: "2",
    stage: "Production",
    archive_existing_versions: true,
  }),
  post("a version to no stage", "model-versions/transition-stage", {
    name: "fraud",
    version: "1",
    stage: "Best",
    archive_existing_versions: false,
  }),
  post("a version to Archived with others", "model-versions/transition-stage", {
    name: "fraud",
    version: "1",
    stage: "Archived",
    archive_existing_versions: true,
  }),
  post("no version to Staging", "model-versions/transition-stage", {
    name: "fraud",
    version: "99",
    stage: "Staging",
    archive_existing_versions: false,
  }),
  post("the latest versions", "registered-models/get-latest-versions", { name: "fraud" }),
  post("the latest versions of a stage", "registered-models/get-latest-versions", {
    name: "fraud",
    stages: ["Production"],
  }),
  get("the latest versions by GET", "registered-models/get-latest-versions", { name: "fraud", stages: "Archived" }),
  post("the latest versions of no stage", "registered-models/get-latest-versions", { name: "fraud", stages: ["Best"] }),
  post("the latest versions of no model", "registered-models/get-latest-versions", { name: "nobody" }),
  get("a model with versions", "registered-models/get", { name: "fraud" }),
];

const aliases: Call[] = [
  post("an alias", "registered-models/alias", { name: "fraud", alias: "champion", version: "1" }),
  post("an alias that moves", "registered-models/alias", { name: "fraud", alias: "champion", version: "2" }),
  post("an alias named latest", "registered-models/alias", { name: "fraud", alias: "latest", version: "1" }),
  post("an alias named as a version", "registered-models/alias", { name: "fraud", alias: "v1", version: "1" }),
  post("an alias with a bad name", "registered-models/alias", { name: "fraud", alias: "a b", version: "1" }),
  post("an alias of an empty name", "registered-models/alias", { name: "fraud", alias: "", version: "1" }),
  post("an alias of no version", "registered-models/alias", { name: "fraud", alias: "x", version: "99" }),
  post("an alias of no model", "registered-models/alias", { name: "nobody", alias: "x", version: "1" }),
  get("a version by its alias", "registered-models/alias", { name: "fraud", alias: "champion" }),
  get("a version by no alias", "registered-models/alias", { name: "fraud", alias: "gone" }),
  remove("deleting an alias", "registered-models/alias", { name: "fraud", alias: "champion" }),
  remove("deleting an alias again", "registered-models/alias", { name: "fraud", alias: "champion" }),
];

const searches: Call[] = [
  get("searching models", "registered-models/search", { order_by: ["name ASC"] }),
  get("searching models by name", "registered-models/search", { filter: "name = 'fraud'" }),
  get("searching models by ILIKE", "registered-models/search", { filter: "name ILIKE 'FR%'" }),
  get("searching models by tag", "registered-models/search", { filter: "tags.team = 'a'" }),
  get("searching models by a bad filter", "registered-models/search", { filter: "name > 'a'" }),
  get("searching models by an unknown attribute", "registered-models/search", { filter: "colour = 'red'" }),
  get("searching models in an unknown order", "registered-models/search", { order_by: ["colour"] }),
  get("too many models", "registered-models/search", { max_results: "1001" }),
  get(
    "a page of models",
    "registered-models/search",
    { max_results: "1", order_by: ["name ASC"] },
    { keep: { modelPage: "next_page_token" } },
  ),
  get("the next page of models", "registered-models/search", {
    max_results: "1",
    order_by: ["name ASC"],
    page_token: "$modelPage",
  }),
  get("searching versions", "model-versions/search", { order_by: ["version_number ASC"] }),
  get("searching versions of a model", "model-versions/search", {
    filter: "name = 'fraud'",
    order_by: ["version_number DESC"],
  }),
  get("searching versions of a run", "model-versions/search", {
    filter: "run_id = '$r1'",
    order_by: ["version_number ASC"],
  }),
  get("searching versions of runs", "model-versions/search", {
    filter: "run_id IN ('$r1')",
    order_by: ["version_number ASC"],
  }),
  get("searching versions by source", "model-versions/search", {
    filter: "source_path = 's3://bucket/model'",
    order_by: ["version_number ASC"],
  }),
  get("searching versions by number", "model-versions/search", { filter: "version_number = 2" }),
  get("searching versions by tag", "model-versions/search", { filter: "tags.k = 'v2'" }),
  get("searching versions by nonsense", "model-versions/search", { filter: "run_id" }),
];

const endings: Call[] = [
  remove("deleting a version", "model-versions/delete", { name: "fraud", version: "1" }),
  remove("deleting a version again", "model-versions/delete", { name: "fraud", version: "1" }),
  get("a deleted version", "model-versions/get", { name: "fraud", version: "1" }),
  post("a version after a deleted one", "model-versions/create", { name: "fraud", source: "s3://bucket/model" }),
  post("a model to rename", "registered-models/create", { name: "before", tags: [{ key: "k", value: "v" }] }),
  post("a version to rename with", "model-versions/create", { name: "before", source, run_id: "$r1" }),
  post("an alias to rename with", "registered-models/alias", { name: "before", alias: "best", version: "1" }),
  post("renaming a model", "registered-models/rename", { name: "before", new_name: "after" }),
  get("a model by its new name", "registered-models/get", { name: "after" }),
  get("a model by its old name", "registered-models/get", { name: "before" }),
  get("a version by its model's new name", "model-versions/get", { name: "after", version: "1" }),
  get("searching versions by the new name", "model-versions/search", { filter: "name = 'after'" }),
  get("searching models by the old name", "registered-models/search", { filter: "name = 'before'" }),
  post("a version of a renamed model", "model-versions/create", { name: "after", source, run_id: "$r1" }),
  post("a model of the old name", "registered-models/create", { name: "before" }),
  post("renaming a model to a name that is taken", "registered-models/rename", { name: "after", new_name: "fraud" }),
  post("renaming a model to its own name", "registered-models/rename", { name: "after", new_name: "after" }),
  post("renaming no model", "registered-models/rename", { name: "nobody", new_name: "x" }),
  post("renaming a model to nothing", "registered-models/rename", { name: "after" }),
  remove("deleting a renamed model", "registered-models/delete", { name: "after" }),
  get("a deleted model", "registered-models/get", { name: "after" }),
  remove("deleting a model again", "registered-models/delete", { name: "after" }),
  post("a model of a deleted one's name", "registered-models/create", { name: "after" }),
  post("a version of an unknown logged model", "model-versions/create", {
    name: "after",
    source: `models:/m-${"f".repeat(32)}`,
  }),
];

const prompts: Call[] = [
  post("a prompt", "registered-models/create", {
    name: "greeting",
    tags: [{ key: "mlflow.prompt.is_prompt", value: "true" }],
  }),
  get("models without prompts", "registered-models/search", { filter: "name LIKE 'gree%'" }),
  get("prompts", "registered-models/search", { filter: "tags.`mlflow.prompt.is_prompt` = 'true'" }),
];

const webhook = {
  name: "hook",
  url: "https://example.com/hook",
  events: [{ entity: "REGISTERED_MODEL", action: "CREATED" }],
};

const webhooks: Call[] = [
  post(
    "a webhook",
    "webhooks",
    { ...webhook, description: "tells", secret: "s" },
    { keep: { hook: "webhook.webhook_id" } },
  ),
  post("a webhook without a name", "webhooks", { url: webhook.url, events: webhook.events }),
  post("a webhook without events", "webhooks", { name: "x", url: webhook.url }),
  post("a webhook of http", "webhooks", { ...webhook, name: "plain", url: "http://example.com" }),
  post("a webhook to this machine", "webhooks", { ...webhook, name: "own", url: "https://127.0.0.1/x" }),
  post("a webhook to no address", "webhooks", { ...webhook, name: "none", url: "nonsense" }),
  post("a webhook of an unknown event", "webhooks", {
    ...webhook,
    name: "unknown",
    events: [{ entity: "REGISTERED_MODEL", action: "EXPLODED" }],
  }),
  post("a webhook of an event that is never", "webhooks", {
    ...webhook,
    name: "never",
    events: [{ entity: "REGISTERED_MODEL", action: "SET" }],
  }),
  get("webhooks", "webhooks"),
  get("a webhook read", "webhooks/$hook"),
  get("no webhook", "webhooks/nobody"),
  patch("changing a webhook", "webhooks/$hook", { name: "hook2", status: "DISABLED" }),
  patch("changing no webhook", "webhooks/nobody", { name: "x" }),
  remove("deleting a webhook", "webhooks/$hook"),
  remove("deleting a webhook again", "webhooks/$hook"),
];

/** What clients and the web interface of MLflow 3 ask, whether or not it is offered; and what is no call at all. */
const forms: Call[] = [
  get("an unknown call", "nothing/here"),
  get("an unknown call of 3.0", "/api/3.0/mlflow/nothing"),
  get("an unknown call of ajax-api", "/ajax-api/2.0/mlflow/nothing"),
  get("an unknown call of 1.0", "/api/1.0/mlflow/experiments/list"),
  post("the wrong method", "experiments/get", { experiment_id: "0" }),
  get("the wrong method by GET", "runs/create"),
  post("a body that is no JSON", "experiments/create", "{"),
  post("a body that is a list", "experiments/create", []),
  post("a body that is text", "experiments/create", '"text"'),
  post("no body", "experiments/create", ""),
  post("a body of another type", "experiments/search", '{"max_results": 1, "filter": "name = \'one\'"}', {
    headers: { "content-type": "text/plain" },
  }),
  get("a parameter given twice", "experiments/get", { experiment_id: ["0", "0"] }),
  post("a registered model of a long name", "registered-models/create", { name: "n".repeat(257) }),
];

export const registryCalls: readonly Call[] = [
  ...[...models, ...versions, ...stages, ...aliases, ...searches, ...endings, ...prompts, ...webhooks, ...forms],
];
