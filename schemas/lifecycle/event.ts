export type Event<Type extends string, Data> = {
  readonly type: Type;
  readonly data: Data;
  /** Who: of an event that is read, the actor of its metadata. Never written with the data. */
  readonly by?: string;
};
