/** The header that carries a name and a password (RFC 7617). */
export function basicAuthorization({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** The first characters of a secret, enough to recognise it. */
export function redact(secret: string): string {
  return secret.length <= 8 ? '…' : `${secret.slice(0, 8)}…`;
}
