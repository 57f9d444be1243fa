import { readFileSync } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import { type ConnectionOptions, credsAuthenticator } from '@nats-io/transport-node';

/** How a process authenticates to NATS, and how it verifies the server. */
export interface ServerAccess {
  /** A credentials file of NATS, with a JWT and its seed. */
  readonly natsCredsFile?: string | undefined;
  /** PEM: the authorities that may have signed the server's certificate, instead of those that Node knows. */
  readonly natsCaFile?: string | undefined;
  /** PEM, for servers that require a client certificate: the client's own, and its key. */
  readonly natsCertFile?: string | undefined;
  readonly natsKeyFile?: string | undefined;
}

type Access = Pick<ConnectionOptions, 'servers' | 'user' | 'pass' | 'token' | 'authenticator' | 'tls'>;

/**
 * What the client has to be told, since it ignores all of a URL but host and port. `servers` are
 * `nats://[user:password@|token@]host[:port]`, separated by commas; the first user or token applies to all of them.
 * `tls://`, and any TLS file, refuses a server without TLS; a server that offers TLS is always asked for it. The client
 * checks certificates against names only, so a server with TLS cannot be reached by IP address. Files are read for each
 * connection, so that they can be exchanged while the process runs.
 * @throws Error naming the unusable file, or which of the addresses is wrong. No part of an address is shown, since any
 * part may belong to a secret
 */
export async function serverAccess(servers: string, files: ServerAccess = {}): Promise<Access> {
  const urls = servers.split(',').map((text, index) => urlOf(text.trim(), index + 1));
  const login = urls.find(({ username }) => username !== '');
  const { natsCredsFile, natsCaFile, natsCertFile, natsKeyFile } = files;
  await Promise.all(
    [natsCredsFile, natsCaFile, natsCertFile, natsKeyFile].map(
      (path) => path && access(path, constants.R_OK),
    ),
  );
  if (!natsCertFile !== !natsKeyFile)
    throw new Error('NATS_CERT_FILE and NATS_KEY_FILE must be set together');
  const isTls = urls.some(({ protocol }) => protocol === 'tls:') || Boolean(natsCaFile || natsCertFile);
  return {
    servers: urls.map(({ host }) => host),
    ...(login && loginOf(login)),
    ...(natsCredsFile && { authenticator: credsAuthenticator(() => readFileSync(natsCredsFile)) }),
    ...(isTls && {
      tls: {
        ...(natsCaFile && { caFile: natsCaFile }),
        ...(natsCertFile && { certFile: natsCertFile }),
        ...(natsKeyFile && { keyFile: natsKeyFile }),
      },
    }),
  };
}

function urlOf(text: string, place: number): URL {
  const whole = text.includes('://') ? text : `nats://${text}`;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  const isFit = url && ['nats:', 'tls:'].includes(url.protocol) && url.hostname !== '';
  if (isFit && isEncoded(url.username) && isEncoded(url.password)) return url;
  throw new Error(`NATS_URL: address ${place} is not a URL such as nats://user:password@host:4222`);
}

function isEncoded(text: string): boolean {
  try {
    return decodeURIComponent(text) !== undefined;
  } catch {
    return false;
  }
}

function loginOf({ username, password }: URL): Access {
  const user = decodeURIComponent(username);
  return password === '' ? { token: user } : { user, pass: decodeURIComponent(password) };
}
