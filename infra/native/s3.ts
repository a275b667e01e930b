import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CreateBucketCommand, HeadBucketCommand, S3Client } from "@aws-sdk/client-s3";
import type { Engine } from "./engine.ts";
import { download, downloaded } from "./maven.ts";
import { freePorts } from "./ports.ts";
import { java, maven, pathOf } from "./tools.ts";

const version = "3.3.0";
/** The clients of other clouds, half of what s3proxy brings; it starts without these. */
const notNeeded = [
  "com.azure",
  "com.google.cloud",
  "com.github.openstack4j.core",
  "com.github.openstack4j.core.connectors",
];

/** s3proxy's pom lets an older jackson-annotations win than its jackson-databind 3 needs. */
const jars = {
  name: `s3proxy-${version}`,
  dependencies: `
    <dependency><groupId>org.gaul</groupId><artifactId>s3proxy</artifactId><version>${version}</version>
      <exclusions>
        ${notNeeded.map((group) => `<exclusion><groupId>${group}</groupId><artifactId>*</artifactId></exclusion>`).join("\n        ")}
      </exclusions></dependency>
    <dependency><groupId>com.fasterxml.jackson.core</groupId><artifactId>jackson-annotations</artifactId><version>2.22</version></dependency>`,
};

const accessKeyId = "millrace";
const secretAccessKey = "millrace-secret";
const bucket = "millrace";

export const s3: Engine = {
  name: "s3",
  summary: `S3 by s3proxy ${version} over a folder; it knows no server-side encryption`,
  needs: [java, maven],
  fetch: (announce) => download(jars, announce),
  async prepare(folder) {
    const [port] = await freePorts(1);
    const data = join(folder, "data");
    mkdirSync(data);
    writeFileSync(join(folder, "s3proxy.conf"), s3proxyConf(port, data));
    writeFileSync(join(folder, "logback.xml"), logbackXml);
    const options = ["-Xmx256m", "-XX:+UseSerialGC", "-Dlogback.configurationFile=logback.xml"];
    const args = ["-cp", join(downloaded(jars), "*"), "org.gaul.s3proxy.Main", "--properties", "s3proxy.conf"];
    return {
      argv: [pathOf(java), ...options, ...args],
      folder,
      variables: {
        S3_URL: `s3://${accessKeyId}:${secretAccessKey}@${bucket}?endpoint=http://127.0.0.1:${port}&region=us-east-1&path-style=true`,
      },
    };
  },
  async probe({ variables }) {
    const client = new S3Client({
      endpoint: new URL(variables.S3_URL).searchParams.get("endpoint") ?? "",
      region: "us-east-1",
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
      maxAttempts: 1,
    });
    try {
      await client.send(new HeadBucketCommand({ Bucket: bucket })).catch((error: { name?: string }) => {
        if (error.name !== "NotFound") throw error;
        return client.send(new CreateBucketCommand({ Bucket: bucket }));
      });
    } finally {
      client.destroy();
    }
  },
};

const s3proxyConf = (port: number, data: string): string => `
s3proxy.endpoint=http://127.0.0.1:${port}
s3proxy.authorization=aws-v2-or-v4
s3proxy.identity=${accessKeyId}
s3proxy.credential=${secretAccessKey}
jclouds.provider=filesystem-nio2
jclouds.identity=unused
jclouds.credential=unused
jclouds.filesystem.basedir=${data}
`;

const logbackXml = `<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d %-5level %msg \\(%logger\\)%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="out"/></root>
</configuration>
`;
