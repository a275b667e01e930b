import { changed, created, type DocumentFold, idOfStream, lifecycleOf } from "./fold.ts";

export const models: DocumentFold<"models"> = {
  collection: "models",
  aggregate: "model",
  project(document, event) {
    const { type, data } = lifecycleOf(event);
    if (type === "ModelRegistered") {
      const { description } = data;
      return {
        ...created(event, idOfStream(event.stream)),
        description,
        latestVersion: 0,
        aliases: [],
        status: "active",
      };
    }
    if (document === null) return null;
    switch (type) {
      case "ModelVersionCreated":
        return changed(document, event, { latestVersion: Math.max(document.latestVersion, data.version) });
      case "ModelVersionApproved":
      case "ModelVersionRejected":
        return changed(document, event, {});
      case "ModelAliasSet": {
        const others = document.aliases.filter(({ alias }) => alias !== data.alias);
        return changed(document, event, { aliases: [...others, { alias: data.alias, version: data.version }] });
      }
      case "ModelAliasRemoved":
        return changed(document, event, { aliases: document.aliases.filter(({ alias }) => alias !== data.alias) });
      case "ModelArchived":
        return changed(document, event, { status: "archived" });
      default:
        return document;
    }
  },
};
