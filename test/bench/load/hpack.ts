import { decodeHuffman } from "./huffman.ts";

export type Header = readonly [name: string, value: string];

/** Source: RFC 7541, appendix A. A name without a value stands for the empty value. */
const STATIC_TABLE: readonly Header[] = `:authority|:method GET|:method POST|:path /|:path /index.html|:scheme http|
:scheme https|:status 200|:status 204|:status 206|:status 304|:status 400|:status 404|:status 500|accept-charset|
accept-encoding gzip, deflate|accept-language|accept-ranges|accept|access-control-allow-origin|age|allow|authorization|
cache-control|content-disposition|content-encoding|content-language|content-length|content-location|content-range|
content-type|cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|
if-unmodified-since|last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range|referer|refresh|
retry-after|server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate`
  .split("|")
  .map((entry): Header => {
    const [name = "", ...value] = entry.trim().split(" ");
    return [name, value.join(" ")];
  });

/** Source: RFC 9113, 6.5.2; we do not announce another. */
const MAX_TABLE_BYTES = 4096;

/**
 * Two header blocks that say the same: the first puts all headers into the server's table, the next ones name them there,
 * one byte each, as every client's HPACK does with headers that stay. Up to 60 headers of up to 126 bytes.
 * Source: RFC 7541, 6.1 and 6.2.1.
 */
export function encodeHeaderBlocks(headers: readonly Header[]): { first: Buffer; next: Buffer } {
  const literal = (text: string) => [Buffer.of(text.length), Buffer.from(text, "latin1")];
  return {
    first: Buffer.concat(headers.flatMap((header) => [Buffer.of(0x40), ...header.flatMap(literal)])),
    // The newest entry of the table comes first.
    next: Buffer.from(headers.map((_, i) => 0x80 | (STATIC_TABLE.length + headers.length - i))),
  };
}

export interface HeaderDecoder {
  /** The headers of a block; blocks in the order in which they came. Throws when it is none. */
  decode(block: Buffer): readonly Header[];
}

/**
 * Decodes the header blocks of one connection. A block that was seen before, and the table has not changed since, is not
 * decoded again: answers that say the same get the same array.
 */
export function createHeaderDecoder(): HeaderDecoder {
  const table: Header[] = [];
  let tableBytes = 0;
  const seen = new Map<string, readonly Header[]>();

  function headerAt(index: number): Header {
    const header = index <= STATIC_TABLE.length ? STATIC_TABLE[index - 1] : table[index - STATIC_TABLE.length - 1];
    if (!header) throw new Error(`a header block names entry ${index}, which the table has not`);
    return header;
  }

  function add(header: Header): void {
    seen.clear();
    table.unshift(header);
    tableBytes += sizeOf(header);
    while (tableBytes > MAX_TABLE_BYTES) tableBytes -= sizeOf(table.pop() ?? ["", ""]);
  }

  function decodeAnew(block: Buffer): { headers: Header[]; changesTable: boolean } {
    const headers: Header[] = [];
    let changesTable = false;
    const reader = createReader(block);
    while (!reader.isAtEnd()) {
      const octet = reader.peek();
      if (octet & 0x80) {
        headers.push(headerAt(reader.integer(7)));
      } else if ((octet & 0xe0) === 0x20) {
        // The server chooses a smaller table. None of ours does, and entries would have to go.
        if (reader.integer(5) !== MAX_TABLE_BYTES) throw new Error("the server changes the size of its header table");
      } else {
        const isAdded = (octet & 0x40) !== 0;
        const index = reader.integer(isAdded ? 6 : 4);
        const header: Header = [index === 0 ? reader.text() : headerAt(index)[0], reader.text()];
        headers.push(header);
        if (isAdded) add(header);
        changesTable ||= isAdded;
      }
    }
    return { headers, changesTable };
  }

  return {
    decode(block) {
      const key = block.toString("latin1", 0, block.length);
      const known = seen.get(key);
      if (known) return known;
      const { headers, changesTable } = decodeAnew(block);
      if (!changesTable) seen.set(key, headers);
      return headers;
    },
  };
}

/** Source: RFC 7541, 4.1. */
function sizeOf([name, value]: Header): number {
  return name.length + value.length + 32;
}

/** Reads integers and strings. Source: RFC 7541, 5.1 and 5.2. */
function createReader(block: Buffer) {
  let at = 0;

  function integer(prefixBits: number): number {
    const max = 2 ** prefixBits - 1;
    let value = (block[at] ?? 0) & max;
    at += 1;
    if (value < max) return value;
    for (let shift = 0; ; shift += 7) {
      const octet = block[at] ?? 0;
      at += 1;
      value += (octet & 0x7f) * 2 ** shift;
      if (octet < 0x80) return value;
    }
  }

  return {
    isAtEnd: () => at >= block.length,
    peek: () => block[at] ?? 0,
    integer,
    text(): string {
      const isHuffman = ((block[at] ?? 0) & 0x80) !== 0;
      const length = integer(7);
      const start = at;
      at += length;
      if (at > block.length) throw new Error("a header block ends within a text");
      return isHuffman ? decodeHuffman(block, start, at) : block.toString("latin1", start, at);
    },
  };
}
