/**
 * A PostgreSQL URL whose `sslmode` says what pg does of it: `require`, `prefer` and `verify-ca` have the certificate and the
 * host's name verified, as `verify-full`, of which pg would warn with six lines at every start. With `uselibpqcompat` they mean
 * what they mean to psql, and stay. Source: pg-connection-string 2, README, "TCP Connections".
 */
export function withPlainSslMode(url: string): string {
  if (/[?&]uselibpqcompat=/.test(url)) return url;
  return url.replace(/([?&]sslmode=)(?:require|prefer|verify-ca)(?=[&#]|$)/g, "$1verify-full");
}
