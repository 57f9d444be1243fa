import { isIP, type LookupFunction } from 'node:net';
import { type AddressRules, isNeverPublic } from '@errand/runtime';
import { buildConnector } from 'undici';
import type { ResolveHost } from './resolve-host.ts';

/*
 * The gate between this service and the network: every connection of every webhook is made here. In this order:
 *
 *   1. the scheme is https, or http where the operator allows it
 *   2. a host that is an address is checked; the URL parser has turned 2130706433, 0x7f.1 and 0177.1 into 127.0.0.1
 *   3. a name's addresses are looked up here and each is checked; the socket connects to those that passed, and to
 *      no later answer
 *   4. the address that the socket ended up with is checked before anything of the request is written
 *
 * Node never calls `lookup` for a host that is an address, which is why 2 cannot be left to 3. Redirects are not
 * followed, so there is no second URL.
 */

/** The rules forbid to call this URL. The text never says which address it has. */
class EgressBlocked extends Error {
  override name = 'EgressBlocked';
  readonly code: 'address_blocked' | 'scheme_blocked';
  readonly retryable = true;
  constructor(code: 'address_blocked' | 'scheme_blocked') {
    super(code === 'address_blocked' ? 'the address is not public' : 'the URL must start with https');
    this.code = code;
  }
}

/** The name has no address. */
class NoAddress extends Error {
  override name = 'NoAddress';
  readonly code = 'ENOTFOUND';
}

interface EgressOptions {
  allowHttp: boolean;
  rules: AddressRules;
  resolve: ResolveHost;
  /** For looking up, connecting and TLS together. */
  connectTimeoutMs: number;
}

/** A connector for undici that connects to permitted addresses only; it fails with EgressBlocked for the others. */
export function createEgress(options: EgressOptions): buildConnector.connector {
  const { allowHttp, rules, connectTimeoutMs } = options;
  const connect = buildConnector({
    lookup: createGuardedLookup(options),
    timeout: connectTimeoutMs,
    allowH2: false,
    // Each permitted address gets a chance: a host may have an IPv6 address that leads nowhere.
    autoSelectFamily: true,
  });
  return (target, callback) => {
    if (target.protocol !== 'https:' && !allowHttp)
      return callback(new EgressBlocked('scheme_blocked'), null);
    const host = target.hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) !== 0 && rules.classify(host) === 'blocked') {
      return callback(new EgressBlocked('address_blocked'), null);
    }
    connect(target, (...[error, socket]) => {
      if (error) return callback(error, null);
      if (rules.classify(socket.remoteAddress ?? '') !== 'blocked') return callback(null, socket);
      socket.destroy();
      callback(new EgressBlocked('address_blocked'), null);
    });
  };
}

function createGuardedLookup({ rules, resolve }: EgressOptions): LookupFunction {
  const permitted = async (hostname: string) => {
    const found = await resolve(hostname);
    if (found.length === 0) throw new NoAddress('the host name has no address');
    const wanted = isNeverPublic(hostname) ? ['allowed'] : ['allowed', 'public'];
    const passed = found.filter((address) => wanted.includes(rules.classify(address)));
    if (passed.length === 0) throw new EgressBlocked('address_blocked');
    return passed.map((address) => ({ address, family: isIP(address) }));
  };
  return (hostname, { all }, callback) => {
    permitted(hostname).then(
      (addresses) => {
        const [first] = addresses;
        if (all || !first) callback(null, addresses);
        else callback(null, first.address, first.family);
      },
      (error) => callback(error, []),
    );
  };
}
