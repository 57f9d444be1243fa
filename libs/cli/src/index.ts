export { type AuditCheck, checkAudit } from './check-audit.ts';
