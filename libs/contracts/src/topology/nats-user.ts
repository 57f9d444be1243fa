import { type NatsRole, natsPermissions } from './permissions.ts';

/** A user of a NATS server as its configuration has it. `password` may be the name of a variable, such as `$PASSWORD`. */
export function natsUser(role: NatsRole, password: string, action?: string) {
  const { publish, subscribe, answers } = natsPermissions(role, action);
  const permissions = { publish: { allow: publish }, subscribe: { allow: subscribe } };
  return {
    user: action === undefined ? role : `${role}-${action}`,
    password,
    permissions: answers ? { ...permissions, allow_responses: true } : permissions,
  };
}
