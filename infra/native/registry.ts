import { join } from "node:path";
import type { Engine } from "./engine.ts";
import { download, downloaded } from "./maven.ts";
import { freePorts } from "./ports.ts";
import { java, maven, pathOf } from "./tools.ts";

/** The newest that runs on Java 17: Apicurio 3 needs 21. */
const version = "2.6.13.Final";
const archive = {
  name: `apicurio-registry-${version}`,
  archive: `io.apicurio:apicurio-registry-app:${version}:tar.gz:all`,
};

export const registry: Engine = {
  name: "registry",
  summary: `Apicurio Registry ${version} in memory; REGISTRY_URL is its Confluent-compatible face`,
  needs: [java, maven],
  fetch: (announce) => download(archive, announce),
  async prepare(folder) {
    const [port] = await freePorts(1);
    const options = ["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
    const settings = ["-Dquarkus.http.host=127.0.0.1", `-Dquarkus.http.port=${port}`];
    const jar = join(downloaded(archive), `apicurio-registry-app-${version}-runner.jar`);
    return {
      argv: [pathOf(java), ...options, ...settings, "-jar", jar],
      folder,
      variables: { REGISTRY_URL: `http://127.0.0.1:${port}/apis/ccompat/v7` },
    };
  },
  async probe({ variables }) {
    const answer = await fetch(`${variables.REGISTRY_URL}/subjects`, { signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(`answered ${answer.status}`);
    await answer.json();
  },
};
