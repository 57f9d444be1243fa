export { actionTypes } from './action-types.ts';
export { type AuditCheck, checkAudit } from './check-audit.ts';
export { createClient } from './client.ts';
export { createGateway } from './gateway.ts';
export { runCommand } from './run-command.ts';
