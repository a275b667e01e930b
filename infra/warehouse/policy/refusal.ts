export type RefusalKind = "forbidden" | "no statement" | "no setting";

/** Why a guest's statement is refused, as a sentence that names the cause. */
export class PolicyRefusal extends Error {
  readonly kind: RefusalKind;
  constructor(why: string, kind: RefusalKind) {
    super(why);
    this.kind = kind;
  }
}

export const refuse = (why: string, kind: RefusalKind = "forbidden"): never => {
  throw new PolicyRefusal(why, kind);
};
