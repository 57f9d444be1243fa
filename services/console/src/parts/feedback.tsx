import type { ReactNode } from 'react';
import { ApiError } from '../api/request.ts';
import { CopyText } from './copy.tsx';
import { useRights } from './rights.tsx';

export function Loading() {
  return (
    <p className="dim" role="status">
      Loading…
    </p>
  );
}

/** What went wrong, in the API's own words. */
export function Failure({ error }: { error: unknown }) {
  const known = error instanceof ApiError ? error : undefined;
  return (
    <div className="note bad" role="alert">
      <b>{known?.code ?? 'error'}</b> – {known?.message ?? 'The console has a fault. Reload the page.'}
      {known?.errors.map((each) => (
        <div key={`${each.pointer ?? each.parameter}${each.code}`} className="mono">
          {each.pointer ?? each.parameter}: {each.detail}
        </div>
      ))}
      {known?.requestId ? <div className="faint mono">request {known.requestId}</div> : null}
    </div>
  );
}

/** What a list shows that has nothing: what would be there, and the command that makes the first. */
export function Empty({
  title,
  command,
  children,
}: {
  title: string;
  command?: string;
  children?: ReactNode;
}) {
  const { isCustomer } = useRights();
  return (
    <div className="empty">
      <b>{title}</b>
      {children ? <p className="dim">{children}</p> : null}
      {command && !isCustomer ? <CopyText text={command} /> : null}
    </div>
  );
}

/** A bar for long work; `percent` from 0 to 100. */
export function Progress({ label, percent, text }: { label: string; percent: number; text: string }) {
  return (
    <div className="progress">
      <progress max={100} value={percent} aria-label={label} />
      <span className="dim">{text}</span>
    </div>
  );
}
