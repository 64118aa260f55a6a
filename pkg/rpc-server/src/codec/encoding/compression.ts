import { constants } from "node:buffer";
import { promisify } from "node:util";
import zlib from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Compression as ConnectCompression } from "@connectrpc/connect/protocol";

/** A way to compress messages. connect-es's interface, and a quick way for small ones. */
export interface Compression extends ConnectCompression {
  /** For small messages: the thread pool takes longer than the work. */
  compressSync?(bytes: Uint8Array): Uint8Array;
  decompressSync?(bytes: Uint8Array, readMaxBytes: number): Uint8Array;
}

/** Up to here a message is compressed at once: about 0.3 ms. */
const COMPRESS_SYNC_MAX_BYTES = 16 * 1024;
/** Up to here it is decompressed at once, */
const DECOMPRESS_SYNC_MAX_BYTES = 1024;
/** and as long as no more comes of it: of 150 bytes zstd makes megabytes. */
const DECOMPRESSED_SYNC_MAX_BYTES = 64 * 1024;

type Options = zlib.ZlibOptions & zlib.BrotliOptions & zlib.ZstdOptions;

interface Algorithm {
  readonly compress: (bytes: Uint8Array, options: Options) => Promise<Buffer>;
  readonly compressSync: (bytes: Uint8Array, options: Options) => Buffer;
  readonly decompress: (bytes: Uint8Array, options: Options) => Promise<Buffer>;
  /** Not for brotli: 25 bytes keep it busy for 7 ms before the first byte comes out, whatever the limit. */
  readonly decompressSync?: (bytes: Uint8Array, options: Options) => Buffer;
  readonly options?: Options;
}

/** Node's default for brotli, 11, takes a hundred times as long for some percent less. */
const BROTLI_QUALITY = 4;

/** By the names that HTTP and gRPC know them by. Source: RFC 9110, 8.4.1; RFC 7932; RFC 8878; gRPC, compression.md. */
const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  gzip: {
    compress: promisify<Uint8Array, Options, Buffer>(zlib.gzip),
    compressSync: zlib.gzipSync,
    decompress: promisify<Uint8Array, Options, Buffer>(zlib.gunzip),
    decompressSync: zlib.gunzipSync,
  },
  br: {
    compress: promisify<Uint8Array, Options, Buffer>(zlib.brotliCompress),
    compressSync: zlib.brotliCompressSync,
    decompress: promisify<Uint8Array, Options, Buffer>(zlib.brotliDecompress),
    options: { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } },
  },
  deflate: {
    compress: promisify<Uint8Array, Options, Buffer>(zlib.deflate),
    compressSync: zlib.deflateSync,
    decompress: promisify<Uint8Array, Options, Buffer>(zlib.inflate),
    decompressSync: zlib.inflateSync,
  },
  zstd: {
    compress: promisify<Uint8Array, Options, Buffer>(zlib.zstdCompress),
    compressSync: zlib.zstdCompressSync,
    decompress: promisify<Uint8Array, Options, Buffer>(zlib.zstdDecompress),
    decompressSync: zlib.zstdDecompressSync,
  },
};

/** All that Node's zlib offers, in the order in which they are offered to clients. */
export const compressions: readonly Compression[] = Object.entries(ALGORITHMS).map(([name, algorithm]) => ({
  name,
  compress: (bytes) => algorithm.compress(bytes, algorithm.options ?? {}) as Promise<Buffer<ArrayBuffer>>,
  compressSync: (bytes) => algorithm.compressSync(bytes, algorithm.options ?? {}),
  async decompress(bytes, readMaxBytes) {
    try {
      return (await algorithm.decompress(bytes, {
        maxOutputLength: Math.min(readMaxBytes, constants.MAX_LENGTH),
      })) as Buffer<ArrayBuffer>;
    } catch (error) {
      throw decompressionFault(error, name, readMaxBytes);
    }
  },
  ...(algorithm.decompressSync !== undefined && { decompressSync: atOnce(name, algorithm.decompressSync) }),
}));

function atOnce(name: string, inflate: (bytes: Uint8Array, options: Options) => Buffer) {
  return (bytes: Uint8Array, readMaxBytes: number): Uint8Array => {
    try {
      return inflate(bytes, { maxOutputLength: Math.min(readMaxBytes, constants.MAX_LENGTH) });
    } catch (error) {
      throw decompressionFault(error, name, readMaxBytes);
    }
  };
}

function decompressionFault(error: unknown, name: string, readMaxBytes: number): ConnectError {
  if (error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE") {
    return new ConnectError(
      `the message is larger than ${readMaxBytes} bytes once decompressed`,
      Code.ResourceExhausted,
    );
  }
  return new ConnectError(`the message is not valid ${name} data`, Code.InvalidArgument, undefined, undefined, error);
}

/** At once when that is quicker than the thread pool. */
export function compress(compression: Compression, bytes: Uint8Array): Uint8Array | Promise<Uint8Array> {
  if (compression.compressSync === undefined || bytes.length > COMPRESS_SYNC_MAX_BYTES) {
    return compression.compress(bytes);
  }
  return compression.compressSync(bytes);
}

/** @throws ConnectError RESOURCE_EXHAUSTED above `readMaxBytes`, INVALID_ARGUMENT for what is not compressed data */
export function decompress(
  compression: Compression,
  bytes: Uint8Array,
  readMaxBytes: number,
): Uint8Array | Promise<Uint8Array> {
  if (compression.decompressSync === undefined || bytes.length > DECOMPRESS_SYNC_MAX_BYTES) {
    return compression.decompress(bytes, readMaxBytes);
  }
  if (readMaxBytes <= DECOMPRESSED_SYNC_MAX_BYTES) return compression.decompressSync(bytes, readMaxBytes);
  try {
    return compression.decompressSync(bytes, DECOMPRESSED_SYNC_MAX_BYTES);
  } catch (error) {
    if (!(error instanceof ConnectError) || error.code !== Code.ResourceExhausted) throw error;
    return compression.decompress(bytes, readMaxBytes);
  }
}

/** The compressions that one method offers; finds what clients ask for. */
export class Compressions {
  readonly #offered: readonly Compression[];
  /** `gzip,br`: for the header that tells clients. */
  readonly names: string;

  constructor(offered: readonly Compression[]) {
    this.#offered = offered;
    this.names = offered.map(({ name }) => name).join(",");
  }

  /**
   * That of a request; undefined for identity.
   * @throws ConnectError UNIMPLEMENTED naming the accepted ones, also in its metadata. Source: gRPC, compression.md;
   * Connect protocol, Unary-Request
   */
  ofRequest(encoding: string | null, acceptHeader: string): Compression | undefined {
    if (encoding === null || encoding === "identity" || encoding === "") return undefined;
    const found = this.#offered.find(({ name }) => name === encoding);
    if (found !== undefined) return found;
    throw new ConnectError(`the message's compression is unknown: supported are ${this.names}`, Code.Unimplemented, {
      [acceptHeader]: this.names,
    });
  }

  /** The first accepted one that is offered; without a word about it, the request's own. Source: as connect-es. */
  ofResponse(accepted: string | null, request: Compression | undefined): Compression | undefined {
    if (accepted === null || accepted === "") return request;
    for (const part of accepted.split(",")) {
      const [coding = "", weight = ""] = part.split(";", 2);
      if (/^\s*q=0(\.0*)?\s*$/i.test(weight)) continue;
      const found = this.#offered.find(({ name }) => name === coding.trim());
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
