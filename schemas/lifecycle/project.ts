import type { Event } from "./event.ts";

export type Role = "Admin" | "Data_Scientist" | "Regular_User";

export type ProjectEvent =
  | Event<"ProjectCreated", { name: string; description: string }>
  | Event<"ProjectRenamed", { name: string }>
  | Event<"MemberGranted", { member: string; role: Role }>
  | Event<"MemberRevoked", { member: string }>;
