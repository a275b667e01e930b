/** Where MLflow's server and ours answer differently, on purpose; docs/mlflow.md has these lines, and no others. */
export type KnownDifference = {
  /** What is done otherwise, and why. */
  said: string;
  /** Names of calls, or all of them. */
  calls: readonly string[] | "all";
  /** Places in the answer, as `body.run.info`; all of them without it. */
  at?: RegExp;
};

export const differences: readonly KnownDifference[] = [
  {
    said: "Models and versions say who made them (`user_id`).",
    calls: "all",
    at: /^body\.(registered_models?|model_versions?)(\.\d+)?(\.latest_versions\.\d+)?\.user_id$/,
  },
  {
    said: "A version says its aliases wherever it is shown; MLflow leaves them out of searches and of latest versions.",
    calls: ["renaming a model", "a model by its new name", "searching versions by the new name"],
    at: /aliases$/,
  },
  {
    said: "A name that is taken is `RESOURCE_ALREADY_EXISTS` for a renamed experiment, too; MLflow says `BAD_REQUEST`.",
    calls: ["renaming to a name that is taken"],
    at: /error_code$/,
  },
  {
    said: "`max_results` of a search over experiments may be left out: 1000.",
    calls: ["searching experiments without a number"],
  },
  {
    said: "`experiment_id` of a new run may be left out, `0`, and `start_time`, the time of the call; MLflow wants the one and takes 1970 for the other.",
    calls: ["a run of no named experiment", "a run without a start"],
  },
  {
    said: "An unknown status of a run or of a logged model, an unknown view, half a step and a metric of `true` are refused; MLflow passes over them, rounds, or stores something else.",
    calls: [
      "an unknown status of a run",
      "a logged model of an unknown status",
      "searching runs by an unknown view",
      "a metric with half a step",
      "a metric of true",
    ],
  },
  {
    said: "A parameter of more than 6000 characters and a tag of more than 8000 are refused; MLflow cuts them off.",
    calls: ["a parameter with a too long value", "a tag with a too long value"],
  },
  {
    said: "Infinite metrics stay infinite; MLflow answers the largest double.",
    calls: ["a run with a metric of Infinity"],
  },
  {
    said: "The history of a run that is not there is `RESOURCE_DOES_NOT_EXIST`, not empty.",
    calls: ["the history of no run"],
  },
  {
    said: "Histories of several runs at once, and sampled ones, are not answered: MLflow's web interface alone asks for them.",
    calls: ["histories of several runs", "a sampled history"],
  },
  { said: "A dataset without a digest is no input of a run.", calls: ["inputs without a digest"] },
  { said: "A filter of blanks lets everything pass.", calls: ["searching runs by nothing"] },
  {
    said: "What is malformed or not allowed is refused with 400 where MLflow fails with 500 or sends a page of HTML, and a wrong method is `ENDPOINT_NOT_FOUND`, 404, in MLflow's form.",
    calls: [
      "searching runs in an order named twice",
      "a file for a browser without a path",
      "renaming a deleted experiment",
      "a version to Archived with others",
      "an unknown call",
      "an unknown call of 3.0",
      "an unknown call of ajax-api",
      "an unknown call of 1.0",
      "the wrong method",
      "the wrong method by GET",
      "a body that is a list",
      "a body that is text",
    ],
  },
  {
    said: "Uploads and deletions of files answer `{}`, MLflow nothing.",
    calls: [
      "a file",
      "a second file",
      "a file with letters beyond ASCII",
      "a file of a logged model",
      "the file of a model",
      "deleting a file",
    ],
    at: /^body$/,
  },
  {
    said: "Names have at most 500 characters, those of registered models 200, and are not blank; MLflow leaves it to its database.",
    calls: [
      "a logged model named nnnnnnnnnnnnnnnnnnnn",
      "a registered model of a long name",
      "an experiment of a blank name",
    ],
  },
  {
    said: "A logged model's run must be there; the logged model of a metric need not be.",
    calls: ["a logged model of no run", "a metric of no logged model"],
  },
  {
    said: "A dataset of a search over logged models may be given without a digest, as MLflow's documentation has it; its server then finds nothing.",
    calls: ["searching logged models by a metric on a dataset"],
  },
  {
    said: "A logged model as the source of a version is taken without `model_id` beside it, and where it is of another tracking server.",
    calls: ["a version of an unknown logged model"],
  },
  {
    said: "A body may be JSON whatever its content type says, the number of a version a number, and of a parameter that is given twice none is taken.",
    calls: ["a body of another type", "describing a version with a number", "a parameter given twice"],
  },
  {
    said: "Webhooks are not answered (`ENDPOINT_NOT_FOUND`).",
    calls: [
      "a webhook",
      "a webhook without a name",
      "a webhook without events",
      "a webhook of http",
      "a webhook to this machine",
      "a webhook to no address",
      "a webhook of an unknown event",
      "a webhook of an event that is never",
      "webhooks",
      "a webhook read",
      "no webhook",
      "changing a webhook",
      "changing no webhook",
      "deleting a webhook",
      "deleting a webhook again",
    ],
  },
];
