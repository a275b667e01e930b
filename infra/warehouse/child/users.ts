import { createHash, timingSafeEqual } from "node:crypto";
import { exception } from "./exception.ts";

/** Who asks: the platform itself, with all powers, or a guest. */
export type Client = "platform" | "guest";

/** The platform's own user; its password lives as long as the process that started the warehouse. */
export const platformUser = "millrace";
export const guestUser = "default";

export type Passwords = {
  platform: string;
  /** Of user `default`; null lets no guest in. */
  guest: string | null;
};

/** Who the credentials belong to. `HttpException` 403 for anybody else. */
export const authenticate = (user: string | null, password: string | null, passwords: Passwords): Client => {
  const name = user ?? guestUser;
  const isPlatform = name === platformUser;
  const expected = isPlatform ? passwords.platform : name === guestUser ? passwords.guest : null;
  if (expected === null || password === null || !isSame(password, expected)) {
    throw exception(
      403,
      516,
      "AUTHENTICATION_FAILED",
      `${name.slice(0, 100)}: Authentication failed: password is incorrect, or there is no user with such name`,
    );
  }
  return isPlatform ? "platform" : "guest";
};

/** Takes the same time whatever differs. */
const isSame = (one: string, other: string): boolean => timingSafeEqual(hashOf(one), hashOf(other));
const hashOf = (text: string): Buffer => createHash("sha256").update(text).digest();
