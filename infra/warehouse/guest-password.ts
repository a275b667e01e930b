import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/**
 * The password of the embedded warehouse's user `default`: what the file holds, or 256 random bits (base64url) that are
 * written to it where there is none. The file is the owner's alone (mode 0600). Whoever starts at the same time gets
 * the same.
 */
export const guestPassword = (file: string): string => {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(file, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  chmodSync(file, 0o600);
  const password = readFileSync(file, "utf8").trim();
  if (password !== "") return password;
  // Emptied by hand, or by a crash in the middle of the first write.
  writeFileSync(file, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600 });
  return readFileSync(file, "utf8").trim();
};
