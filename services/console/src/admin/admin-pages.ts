export { AuditPage } from './audit-page.tsx';
export { DeadLettersPage } from './dead-letters-page.tsx';
export { ExecutorList } from './executor-list.tsx';
export { RebuildPage } from './rebuild-page.tsx';
export { TenantList } from './tenant-list.tsx';
export { VerifyPage } from './verify-page.tsx';
