import type { FastifyInstance } from "fastify";

/** The release of MLflow whose REST interface is answered. Clients ask it before they send traces, which are not. */
const REST_VERSION = "3.0.0";

/** `/version` and `/health`, of which clients and probes ask with no actor. */
export const info = (server: FastifyInstance): void => {
  const open = { config: { isPublic: true } } as const;
  for (const base of ["", "/projects/:project"]) {
    server.get(`${base}/version`, open, async (_, reply) => reply.type("text/plain").send(REST_VERSION));
    server.get(`${base}/health`, open, async (_, reply) => reply.type("text/plain").send("OK"));
  }
};

/** What this server can do beyond the calls that every server answers. */
export const serverInfo = (server: FastifyInstance, prefix: string): void => {
  server.get(`${prefix}/server-info`, { config: { isPublic: true } }, async () => ({
    store_type: null,
    workspaces_enabled: false,
    trace_archival_enabled: false,
    multipart_uploads_enabled: false,
    multipart_downloads_enabled: false,
    presigned_upload_run_id_supported: false,
    presigned_upload_model_id_supported: false,
  }));
};
