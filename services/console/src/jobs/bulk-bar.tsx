import { useNavigate } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import type { BulkAction } from '../api/answers.ts';
import { pathTo, request } from '../api/request.ts';
import { curlOf } from '../parts/commands.ts';
import { CopyText } from '../parts/copy.tsx';
import { Failure } from '../parts/feedback.tsx';
import { bulkFilterOf, type JobFilter } from './job-filter.ts';

/** Which jobs are meant: these, or all that match; never silently both. */
export type Selection =
  | { readonly kind: 'none' }
  | { readonly kind: 'these'; readonly ids: ReadonlySet<string> }
  | { readonly kind: 'all' };

type Deed = BulkAction['action'];
const DEEDS: Record<Deed, { name: string; done: string }> = {
  retry: { name: 'Retry', done: 'Run again those that have ended without success.' },
  redeliver: { name: 'Redeliver', done: 'Tell every webhook endpoint of them again.' },
  cancel: { name: 'Cancel', done: 'Cancel those that have not ended.' },
};

interface BarProps {
  readonly tenant: string;
  readonly filter: JobFilter;
  readonly selection: Selection;
  readonly setSelection: (selection: Selection) => void;
  readonly shown: number;
  readonly hasMore: boolean;
}

export function BulkBar({ tenant, filter, selection, setSelection, shown, hasMore }: BarProps) {
  if (shown === 0) return null;
  const count = selection.kind === 'these' ? selection.ids.size : 0;
  const isWide = Object.keys(filter).length === 0;
  return (
    <div className="bulk">
      {selection.kind === 'none' ? (
        <span className="dim">Select jobs, or </span>
      ) : selection.kind === 'these' ? (
        <b>{count === 1 ? 'Only this one' : `Only these ${count}`}</b>
      ) : (
        <b>All that match, now</b>
      )}
      {selection.kind === 'all' ? (
        <button type="button" className="btn quiet" onClick={() => setSelection({ kind: 'none' })}>
          Select none
        </button>
      ) : (
        <button
          type="button"
          className="btn quiet"
          disabled={isWide}
          title={isWide ? 'Narrow the list first' : undefined}
          onClick={() => setSelection({ kind: 'all' })}
        >
          All that match{hasMore ? '' : ` (${shown})`}
        </button>
      )}
      {selection.kind === 'none' ? null : <Deeds tenant={tenant} filter={filter} selection={selection} />}
    </div>
  );
}

function Deeds({ tenant, filter, selection }: Pick<BarProps, 'tenant' | 'filter' | 'selection'>) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [asked, setAsked] = useState<{
    deed: Deed;
    key: string;
    matched?: number | undefined;
    error?: unknown;
  }>();
  const navigate = useNavigate();
  const path = pathTo`/v2/tenants/${tenant}/bulk-actions`;
  const bodyOf = (deed: Deed) => ({
    action: deed,
    filter: selection.kind === 'these' ? { job_ids: [...selection.ids] } : bulkFilterOf(filter),
  });
  const turn = useRef(0);
  const [isBusy, setBusy] = useState(false);
  const ask = async (deed: Deed) => {
    const own = ++turn.current;
    // Of two questions the later one stands in the dialog, whichever is answered first.
    const tell = (about: typeof asked) => own === turn.current && setAsked(about);
    // However often it is confirmed, it begins once.
    const key = crypto.randomUUID();
    tell({ deed, key });
    dialog.current?.showModal();
    try {
      const { matched } = await request<{ matched: number }>(path, {
        method: 'POST',
        body: { ...bodyOf(deed), dry_run: true },
      });
      tell({ deed, key, matched });
    } catch (error) {
      tell({ deed, key, error });
    }
  };
  const begin = async ({ deed, key, matched }: NonNullable<typeof asked>) => {
    setBusy(true);
    try {
      const { bulk_id: bulkId } = await request<BulkAction>(path, {
        method: 'POST',
        body: bodyOf(deed),
        headers: { 'idempotency-key': key },
      });
      await navigate({ to: '/t/$tenant/bulk/$bulkId', params: { tenant, bulkId } });
    } catch (error) {
      setAsked({ deed, key, matched, error });
      setBusy(false);
    }
  };
  return (
    <span className="row">
      {(Object.keys(DEEDS) as Deed[]).map((deed) => (
        <button
          type="button"
          key={deed}
          className={`btn${deed === 'cancel' ? ' danger' : ''}`}
          onClick={() => void ask(deed)}
        >
          {DEEDS[deed].name}
        </button>
      ))}
      <dialog ref={dialog} aria-labelledby="bulk-title">
        {asked === undefined ? null : (
          <>
            <h2 id="bulk-title">{DEEDS[asked.deed].name} jobs</h2>
            <p>
              {asked.matched === undefined
                ? asked.error === undefined && 'Counting… '
                : `${asked.matched.toLocaleString()} jobs match. `}
              {DEEDS[asked.deed].done}
            </p>
            {asked.error === undefined ? null : <Failure error={asked.error} />}
            <CopyText text={curlOf(path, { method: 'POST', body: JSON.stringify(bodyOf(asked.deed)) })} />
            <div className="row">
              <button
                type="button"
                className="btn primary"
                disabled={!asked.matched || isBusy}
                onClick={() => void begin(asked)}
              >
                {DEEDS[asked.deed].name} {asked.matched?.toLocaleString() ?? ''}
              </button>
              <button type="button" className="btn" onClick={() => dialog.current?.close()}>
                Leave it
              </button>
            </div>
          </>
        )}
      </dialog>
    </span>
  );
}
