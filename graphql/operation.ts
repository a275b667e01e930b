import { type DocumentNode, getOperationAST, Kind, type OperationDefinitionNode } from "graphql";
import { MillraceError } from "../schemas/errors.ts";
import { checkCost } from "./limits/cost.ts";
import { checkDepth } from "./limits/depth.ts";
import { operationsOf } from "./limits/walk.ts";
import { schema } from "./schema.ts";

/** The operation that a request runs. BAD_REQUEST where the document does not say which. */
export const operationIn = (document: DocumentNode, operationName?: string | null): OperationDefinitionNode => {
  const operation = getOperationAST(document, operationName);
  if (operation != null) return operation;
  const named = operationName == null ? "name the one to run" : `there is none called "${operationName}"`;
  throw new MillraceError("BAD_REQUEST", `operationName: the document has not one operation, ${named}`);
};

/** Every operation of the document, whichever of them the request runs. */
export const checkLimits = (document: DocumentNode, variables?: Record<string, unknown> | null): void => {
  for (const operation of operationsOf(document)) {
    checkDepth(operation);
    checkCost(operation, schema, variables);
  }
};

/** Whether `operationName` has a choice. */
export const hasChoice = ({ definitions }: DocumentNode): boolean =>
  definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION).length > 1;
