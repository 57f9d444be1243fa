export { type AuditCheck, checkAudit } from './check-audit.ts';
export { createGateway } from './gateway.ts';
export { runCommand } from './run-command.ts';
