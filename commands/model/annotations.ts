import type { ModelEvent } from "../../schemas/lifecycle/model.ts";
import type { Command } from "../payloads.ts";
import { findVersion, type Model } from "./state.ts";

/** What people write on a model and its versions: it decides nothing. */
export type AnnotationCommand =
  | Command<"DescribeModel">
  | Command<"SetModelTag">
  | Command<"RemoveModelTag">
  | Command<"DescribeModelVersion">
  | Command<"SetModelVersionTag">
  | Command<"RemoveModelVersionTag">;

export const annotate = (command: AnnotationCommand, state: Model): ModelEvent[] => {
  const { model: name } = command.data;
  switch (command.type) {
    case "DescribeModel": {
      const { description } = command.data;
      return state.description === description ? [] : [{ type: "ModelDescribed", data: { description } }];
    }
    case "SetModelTag": {
      const { key, value } = command.data;
      return state.tags.get(key) === value ? [] : [{ type: "ModelTagSet", data: { key, value } }];
    }
    case "RemoveModelTag": {
      const { key } = command.data;
      return state.tags.has(key) ? [{ type: "ModelTagRemoved", data: { key } }] : [];
    }
    case "DescribeModelVersion": {
      const { version, description } = command.data;
      return findVersion(state, name, version).description === description
        ? []
        : [{ type: "ModelVersionDescribed", data: { version, description } }];
    }
    case "SetModelVersionTag": {
      const { version, key, value } = command.data;
      return findVersion(state, name, version).tags.get(key) === value
        ? []
        : [{ type: "ModelVersionTagSet", data: { version, key, value } }];
    }
    case "RemoveModelVersionTag": {
      const { version, key } = command.data;
      return findVersion(state, name, version).tags.has(key)
        ? [{ type: "ModelVersionTagRemoved", data: { version, key } }]
        : [];
    }
  }
};
