/**
 * What PostgreSQL's lexer reads as one piece whatever stands in it (its manual, 4.1): comments, strings, dollar-quoted bodies and
 * quoted names. A doubled quote within reads as two pieces side by side, which comes to the same. Nested comments are left.
 */
const OPAQUE =
  /--[^\r\n]*|\/\*(?:(?!\/\*).)*?\*\/|(?<![\w$\u0080-\uffff])[eE]'[^'\\]*(?:(?:\\.|'')[^'\\]*)*'|'[^']*'|"[^"]*"|(?<![\w$\u0080-\uffff])(\$(?:[a-zA-Z_\u0080-\uffff][\w\u0080-\uffff]*)?\$).*?\1/gs;

/** Where a statement begins, and ends or divides the transaction that PostgreSQL would run the file in. */
const CONTROL = /(?:^|;)\s*(?:abort|begin|commit|end|prepare\s+transaction|release|rollback|savepoint|start)\b/i;

/**
 * Tells whether a file has transactions of its own. Sees through comments, strings and the bodies of functions, which may say
 * BEGIN and END; what it cannot read (a comment in a comment), and a function's `BEGIN ATOMIC`, it takes for one.
 */
export function controlsTransactions(sql: string): boolean {
  const statements = sql.replace(OPAQUE, " ");
  return statements.includes("/*") || CONTROL.test(statements);
}
