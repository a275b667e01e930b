/** What a filter or an order is about. The value of a key may be missing, and a dataset's may be several. */
export type Entity = "attribute" | "metric" | "param" | "tag" | "dataset";

export type Field = { entity: Entity; key: string };

export type NumberOperator = "=" | "!=" | ">" | ">=" | "<" | "<=";
export type TextOperator = "=" | "!=" | "LIKE" | "ILIKE";
export type ListOperator = "IN" | "NOT IN";
export type NullOperator = "IS NULL" | "IS NOT NULL";

/** One condition of a filter. */
export type Comparison = Field &
  (
    | { type: "number"; operator: NumberOperator; value: number }
    | { type: "text"; operator: TextOperator; value: string }
    | { type: "list"; operator: ListOperator; values: readonly string[] }
    | { type: "null"; operator: NullOperator }
  );

/** All of these hold. */
export type Filter = readonly Comparison[];

export type OrderKey = Field & { type: "number" | "text"; ascending: boolean };
