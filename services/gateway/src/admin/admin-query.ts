import { ActionName, type InputError, TenantId } from '@errand/contracts';
import { Refusal } from '../http/problem.ts';
import { readInstant } from '../http/read-query.ts';

type Query = Readonly<Record<string, string>>;

/** What operators narrow their questions by. Gathers all that is wrong, and refuses it at once. */
export function createAdminQuery(query: Query) {
  const errors: InputError[] = [];

  function read<T>(parameter: string, wanted: { parse: (sent: string) => T | undefined; detail: string }) {
    const sent = query[parameter];
    if (sent === undefined) return undefined;
    const value = wanted.parse(sent);
    if (value === undefined) errors.push({ parameter, code: 'format', detail: wanted.detail });
    return value;
  }

  return {
    read,
    time: (parameter: string): number | undefined =>
      read(parameter, {
        parse: (sent) => readInstant(sent).value,
        detail: 'must be an RFC 3339 time',
      }),
    tenant: (): string | undefined =>
      read('tenant', {
        parse: (sent) => TenantId.safeParse(sent).data,
        detail: 'must be the id of a tenant',
      }),
    action: (): string | undefined =>
      read('action', {
        parse: (sent) => ActionName.safeParse(sent).data,
        detail: 'must be the name of an action',
      }),
    /** @throws Refusal invalid_input, also for parameters that nobody knows. */
    check(known: readonly string[]): void {
      for (const parameter of Object.keys(query)) {
        if (known.includes(parameter)) continue;
        errors.push({ parameter, code: 'unknown', detail: `must be one of ${known.join(', ')}` });
      }
      if (errors.length > 0) throw new Refusal('invalid_input', { errors });
    },
  };
}
