/** The part of a pino logger that this room uses. */
export type Logger = {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

export const silentLogger: Logger = { info: () => {}, warn: () => {}, error: () => {} };
