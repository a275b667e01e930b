/** The two public doors that the example uses: GraphQL, and records to a topic over REST. */
export type Client = {
  url: string;
  /** What every request must carry. */
  headers: Readonly<Record<string, string>>;
  /** Runs a query or mutation; throws with the code and message of the first error. */
  query<T>(text: string, variables?: Record<string, unknown>): Promise<T>;
  /** Produces JSON records (already serialised) to a topic; goes on trying while the platform is away. */
  produce(topic: string, records: string[]): Promise<void>;
};

const retryMs = 250;
const patienceMs = 60_000;

/** With a token where the platform asks for one. */
export const connect = (url: string, token = process.env.API_TOKEN): Client => {
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  const post = async (path: string, type: string, body: string): Promise<Response> => {
    const deadline = Date.now() + patienceMs;
    for (;;) {
      try {
        const response = await fetch(url + path, {
          method: "POST",
          headers: { ...headers, "content-type": type },
          body,
        });
        if (response.status !== 503 && response.status !== 507) return response;
        if (Date.now() > deadline) return response;
        await response.arrayBuffer();
      } catch (error) {
        if (Date.now() > deadline) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  };
  return {
    url,
    headers,
    query: async <T>(text: string, variables?: Record<string, unknown>): Promise<T> => {
      const response = await post("/graphql", "application/json", JSON.stringify({ query: text, variables }));
      const answer = (await response.json()) as {
        data: T;
        errors?: { message: string; extensions?: { code: string } }[];
      };
      const failure = answer.errors?.[0];
      if (failure !== undefined) throw new Error(`${failure.extensions?.code ?? "ERROR"}: ${failure.message}`);
      return answer.data;
    },
    produce: async (topic, records) => {
      const body = `{"records":[${records.join(",")}]}`;
      const response = await post(`/topics/${topic}`, "application/vnd.kafka.json.v2+json", body);
      if (!response.ok) throw new Error(`${topic}: ${response.status} ${await response.text()}`);
      await response.arrayBuffer();
    },
  };
};
