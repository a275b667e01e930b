import type { ServerDeps } from "../deps.ts";
import { type LifecycleFeed, lifecycleFeed } from "./lifecycle-feed.ts";
import { type TopicFollower, topicFollower } from "./topic-follower.ts";

/** The live feeds of one server: one follower a topic, however many listen. */
export type Feeds = {
  topic(topic: string): TopicFollower;
  lifecycle: LifecycleFeed;
  close(): Promise<void>;
};

export const createFeeds = ({ broker, eventStore, logger }: ServerDeps): Feeds => {
  const followers = new Map<string, TopicFollower>();
  const lifecycle = lifecycleFeed(eventStore, logger);
  return {
    topic(topic) {
      const known = followers.get(topic) ?? topicFollower(broker, topic, logger);
      followers.set(topic, known);
      return known;
    },
    lifecycle,
    async close() {
      await Promise.all([...followers.values()].map((follower) => follower.close()));
      await lifecycle.close();
    },
  };
};
