/**
 * How many bits each octet's code has; the codes follow, since they are canonical: shorter before longer, and octets of
 * the same length in order. Source: RFC 7541, appendix B (EOS left out: it must not be sent).
 */
const CODE_BITS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26,
];

/** Two cells a node: where bit 0 and bit 1 lead. Above zero: a node; below: the octet, as -1 - octet. */
const TREE = buildTree();

function buildTree(): Int16Array {
  const tree = new Int16Array(2 * 512);
  let nodes = 1;
  let code = 0;
  let bits = 0;
  const octets = [...CODE_BITS.keys()].sort((a, b) => bitsOf(a) - bitsOf(b) || a - b);
  for (const octet of octets) {
    code *= 2 ** (bitsOf(octet) - bits);
    bits = bitsOf(octet);
    let node = 0;
    for (let bit = bits - 1; bit > 0; bit -= 1) {
      const cell = 2 * node + ((code >>> bit) & 1);
      if (tree[cell] === 0) {
        tree[cell] = nodes;
        nodes += 1;
      }
      node = tree[cell] ?? 0;
    }
    tree[2 * node + (code & 1)] = -1 - octet;
    code += 1;
  }
  return tree;
}

function bitsOf(octet: number): number {
  return CODE_BITS[octet] ?? 0;
}

/** The text of `bytes` from `start` to before `end`, as Latin-1. The padding is not checked. Source: RFC 7541, 5.2. */
export function decodeHuffman(bytes: Buffer, start: number, end: number): string {
  let text = "";
  let node = 0;
  for (let at = start; at < end; at += 1) {
    const octet = bytes[at] ?? 0;
    for (let bit = 7; bit >= 0; bit -= 1) {
      node = TREE[2 * node + ((octet >>> bit) & 1)] ?? 0;
      if (node >= 0) continue;
      text += String.fromCharCode(-1 - node);
      node = 0;
    }
  }
  return text;
}
