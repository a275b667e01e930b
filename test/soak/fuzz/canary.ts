import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What nobody may reach through the platform, and whether somebody did. */
export type Canary = {
  secret: string;
  file: string;
  write: string;
  url: string;
  /** What was reached since it was last asked. */
  sung(): string[];
  close(): void;
};

/** A file with a secret, a file that must never appear, and a server that nothing may ask. */
export const openCanary = async (): Promise<Canary> => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-canary-"));
  const secret = `canary-${randomUUID()}`;
  const file = join(folder, "secret.txt");
  const write = join(folder, "written.txt");
  writeFileSync(file, `${secret}\n`);
  let asked = 0;
  const server = createServer((_, response) => {
    asked++;
    response.end(`${secret}\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    secret,
    file,
    write,
    url: `http://127.0.0.1:${port}/`,
    sung: () => {
      const reached: string[] = [];
      if (asked > 0) reached.push("a server of the host was asked");
      if (existsSync(write)) reached.push("a file of the host was written");
      asked = 0;
      rmSync(write, { force: true });
      return reached;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
