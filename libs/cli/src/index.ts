export { type AuditCheck, checkAudit } from './check-audit.ts';
export { plainLines } from './text.ts';
