import type { ProjectEvent, Role } from "../../schemas/lifecycle/project.ts";
import type { Decider } from "../decider.ts";
import type { Command } from "../payloads.ts";
import { existing, refused, taken } from "../refusals.ts";

export type Project = { name: string; description: string; members: ReadonlyMap<string, Role> };

export type ProjectCommand =
  | Command<"CreateProject">
  | Command<"RenameProject">
  | Command<"GrantRole">
  | Command<"RevokeRole">;

/** A workspace. Whoever creates it is its first Admin, and one Admin always stays. */
export const project: Decider<Project | null, ProjectCommand, ProjectEvent> = {
  aggregate: "project",
  initial: null,

  decide(command, state, { actor }) {
    if (command.type === "CreateProject") {
      const { id, name, description } = command.data;
      if (state === null) {
        return [
          { type: "ProjectCreated", data: { name, description } },
          { type: "MemberGranted", data: { member: actor, role: "Admin" } },
        ];
      }
      if (state.name === name && state.description === description) return [];
      throw taken(`project "${id}"`);
    }
    const current = existing(state, "the project");
    switch (command.type) {
      case "RenameProject":
        return command.data.name === current.name ? [] : [{ type: "ProjectRenamed", data: command.data }];
      case "GrantRole": {
        const { member, role } = command.data;
        if (current.members.get(member) === role) return [];
        if (role !== "Admin") keepAnAdmin(current, member);
        return [{ type: "MemberGranted", data: command.data }];
      }
      case "RevokeRole":
        if (!current.members.has(command.data.member)) return [];
        keepAnAdmin(current, command.data.member);
        return [{ type: "MemberRevoked", data: command.data }];
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case "ProjectCreated":
        return { ...event.data, members: new Map() };
      case "ProjectRenamed":
        return state && { ...state, name: event.data.name };
      case "MemberGranted":
        return state && { ...state, members: new Map(state.members).set(event.data.member, event.data.role) };
      case "MemberRevoked":
        return state && { ...state, members: new Map([...state.members].filter(([who]) => who !== event.data.member)) };
    }
  },
};

const keepAnAdmin = (state: Project, leaving: string): void => {
  if (state.members.get(leaving) !== "Admin") return;
  const others = [...state.members].some(([who, role]) => who !== leaving && role === "Admin");
  if (!others) throw refused(`"${leaving}" is the last Admin of the project; make somebody else Admin first`);
};
