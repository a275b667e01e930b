import type { TestContext } from "node:test";
import { createServer } from "../../graphql/server.ts";
import { testServer } from "../graphql/platform.ts";

export type Route = { method: string; path: string };

/** One line of `printRoutes`: how deep it hangs, what it adds to the path, its methods. */
const line = /^((?:│ {3}| {4})*)(?:├── |└── )(.*) \(([A-Z, ]+)\)$/;

/** What stands in a path for a parameter. */
const named = (path: string): string => path.replace(/:\w+/g, "x").replace(/\*$/, "x");

/** Every route of the server, but for the further prefixes under which MLflow's are offered again. */
export const everyRoute = async (t: TestContext): Promise<Route[]> => {
  const { deps } = await testServer(t);
  const server = await createServer(deps);
  await server.ready();
  const printed = server.printRoutes({ commonPrefix: false });
  await server.close();
  const parts: string[] = [];
  const routes: Route[] = [];
  for (const text of printed.split("\n")) {
    const found = line.exec(text);
    if (found === null) continue;
    const [, indent, part, methods] = found;
    parts.length = indent.length / 4;
    parts.push(part);
    const path = named(parts.join(""));
    if (/ajax-api|\/projects\/x\/(api|version|health)/.test(path)) continue;
    for (const method of methods.split(", ")) routes.push({ method, path });
  }
  return routes;
};
