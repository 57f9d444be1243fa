export { type AuditCheck, checkAudit } from './commands/operate/check-audit.ts';
export { plainLines } from './output/text.ts';
