import { changed, created, type DocumentFold, idOfStream, lifecycleOf } from "./fold.ts";

export const projects: DocumentFold<"projects"> = {
  collection: "projects",
  aggregate: "project",
  project(document, event) {
    const { type, data } = lifecycleOf(event);
    if (type === "ProjectCreated") return { ...created(event, idOfStream(event.stream)), ...data, members: [] };
    if (document === null) return null;
    switch (type) {
      case "ProjectRenamed":
        return changed(document, event, { name: data.name });
      case "MemberGranted": {
        const others = document.members.filter(({ member }) => member !== data.member);
        return changed(document, event, { members: [...others, { member: data.member, role: data.role }] });
      }
      case "MemberRevoked":
        return changed(document, event, {
          members: document.members.filter(({ member }) => member !== data.member),
        });
      default:
        return document;
    }
  },
};
