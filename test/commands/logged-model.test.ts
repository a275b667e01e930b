import { test } from "node:test";
import { loggedModel } from "../../commands/logged-model/decider.ts";
import { spec } from "./specification.ts";

const id = `m-${"0b".repeat(16)}`;
const definition = { experiment: "7", name: "late", run: null, modelType: null, params: { depth: "6" }, tags: {} };
const created = { type: "LoggedModelCreated", data: definition } as const;
const deleted = { type: "LoggedModelDeleted", data: {} } as const;

test("a logged model is created once", () => {
  spec(loggedModel)
    .given()
    .when({ type: "CreateLoggedModel", data: { id, ...definition } })
    .then(created);
  spec(loggedModel)
    .given(created)
    .when({ type: "CreateLoggedModel", data: { id, ...definition } })
    .then();
  spec(loggedModel)
    .given(created)
    .when({ type: "CreateLoggedModel", data: { id, ...definition, name: "other" } })
    .thenError("ALREADY_EXISTS");
});

test("it is pending until its files are there, and may fail and come good", () => {
  const finalize = (status: "READY" | "UPLOAD_FAILED") =>
    ({ type: "FinalizeLoggedModel", data: { id, status } }) as const;
  const failed = { type: "LoggedModelFinalized", data: { status: "UPLOAD_FAILED" } } as const;
  spec(loggedModel).given(created).when(finalize("UPLOAD_FAILED")).then(failed);
  spec(loggedModel).given(created, failed).when(finalize("UPLOAD_FAILED")).then();
  spec(loggedModel)
    .given(created, failed)
    .when(finalize("READY"))
    .then({ type: "LoggedModelFinalized", data: { status: "READY" } });
});

test("parameters do not change, tags do", () => {
  const log = (depth: string) => ({ type: "LogLoggedModelParams", data: { id, params: { depth } } }) as const;
  spec(loggedModel).given(created).when(log("6")).then();
  spec(loggedModel)
    .given(created)
    .when(log("7"))
    .thenError("ILLEGAL_STATE", /"depth" with value "6".*"7"/);
  const tag = (team: string) => ({ type: "SetLoggedModelTags", data: { id, tags: { team } } }) as const;
  const tagged = { type: "LoggedModelTagsSet", data: { tags: { team: "a" } } } as const;
  spec(loggedModel).given(created).when(tag("a")).then(tagged);
  spec(loggedModel)
    .given(created, tagged)
    .when(tag("b"))
    .then({ type: "LoggedModelTagsSet", data: { tags: { team: "b" } } });
  spec(loggedModel)
    .given(created, tagged)
    .when({ type: "DeleteLoggedModelTag", data: { id, key: "team" } })
    .then({ type: "LoggedModelTagDeleted", data: { key: "team" } });
});

test("what is deleted takes nothing more", () => {
  const finalize = { type: "FinalizeLoggedModel", data: { id, status: "READY" } } as const;
  spec(loggedModel)
    .given(created, deleted)
    .when(finalize)
    .thenError("ILLEGAL_STATE", /deleted/);
  spec(loggedModel).given().when(finalize).thenError("NOT_FOUND");
});
