/*
 * A cookie that scripts cannot read and that no other page makes a browser send. Browsers keep a `__Host-` cookie for
 * https only, and share cookies between the ports of a host: on this machine its name has the port.
 */

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::(\d+))?$/i;

export interface HostCookie {
  /** As a Set-Cookie header. */
  set(host: string, value: string, lifeS: number): string;
  /** All values that a request has of it: another program on this machine may have set one of the same name. */
  read(headers: Headers): string[];
}

export function createHostCookie(base: string): HostCookie {
  function nameAt(host: string): { name: string; attributes: string } {
    const local = LOOPBACK.exec(host);
    return local
      ? { name: `${base}_${local[1] ?? '80'}`, attributes: '' }
      : { name: `__Host-${base}`, attributes: '; Secure' };
  }

  return {
    set(host, value, lifeS) {
      const { name, attributes } = nameAt(host);
      return `${name}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${lifeS}${attributes}`;
    },
    read(headers) {
      const cookies = headers.get('cookie');
      if (cookies === null) return [];
      const { name } = nameAt(headers.get('host') ?? '');
      const pairs = cookies.split(';').map((each) => each.trim());
      return pairs.filter((pair) => pair.startsWith(`${name}=`)).map((pair) => pair.slice(name.length + 1));
    },
  };
}
