/** What is used of kafkajs below its public face. It has no `exports` map and no further releases: these stay as they are. */

declare module "kafkajs/src/protocol/encoder.js" {
  class Encoder {
    constructor(initialSize?: number);
    readonly buf: Buffer;
    readonly buffer: Buffer;
    writeInt8(value: number): this;
    writeInt16(value: number): this;
    writeInt32(value: number): this;
    writeInt64(value: number | bigint | string): this;
    writeBoolean(value: boolean): this;
    writeString(value: string | null): this;
    writeBytes(value: Buffer | null): this;
    writeBuffer(value: Buffer): this;
    writeUVarInt(value: number): this;
    writeUVarIntString(value: string | null): this;
    writeArray(values: readonly (string | number | Encoder)[]): this;
    writeNullableArray(values: readonly (string | number | Encoder)[]): this;
  }
  export default Encoder;
}

declare module "kafkajs/src/protocol/decoder.js" {
  class Decoder {
    constructor(buffer: Buffer);
    offset: number;
    readonly buffer: Buffer;
    readInt8(): number;
    readInt16(): number;
    readInt32(): number;
    readInt64(): bigint;
    readBoolean(): boolean;
    readString(): string | null;
    readUVarInt(): number;
    readUVarIntString(): string | null;
    readBytes(): Buffer | null;
    readArray<T>(read: (decoder: Decoder) => T): T[];
    readUVarIntArray<T>(read: (decoder: Decoder) => T): T[] | null;
    readTaggedFields(): unknown;
  }
  export default Decoder;
}

declare module "kafkajs/src/network/connection.js" {
  import type { Socket } from "node:net";
  import type { ConnectionOptions } from "node:tls";

  type Log = (message: string, extra?: object) => void;
  type Logger = { namespace(name: string): Logger; debug: Log; info: Log; warn: Log; error: Log };
  type Entry = {
    apiKey: number;
    apiName: string;
    apiVersion: number;
    correlationId: number;
    resolve(answer: { payload: Buffer }): void;
    reject(error: Error): void;
  };
  class Connection {
    constructor(options: {
      host: string;
      port: number;
      logger: Logger;
      socketFactory(target: { host: string; port: number; ssl: ConnectionOptions | null; onConnect(): void }): Socket;
      clientId: string;
      requestTimeout: number;
      enforceRequestTimeout: boolean;
      connectionTimeout: number;
      ssl?: ConnectionOptions;
      sasl?: object;
    });
    connect(): Promise<boolean>;
    disconnect(): Promise<boolean>;
    authenticate(): Promise<void>;
    isConnected(): boolean;
    setVersions(versions: Record<number, { minVersion: number; maxVersion: number }>): void;
    setSupportAuthenticationProtocol(supported: boolean): void;
    rejectRequests(error: Error): void;
    isAuthenticated(): boolean;
    failIfNotConnected(): void;
    nextCorrelationId(): number;
    processData(received: Buffer): void;
    readonly socket: Socket;
    readonly requestQueue: {
      push(request: {
        entry: Entry;
        expectResponse: boolean;
        requestTimeout: number | null;
        sendRequest(): void;
      }): void;
    };
  }
  export default Connection;
}
