import type { Verification, VerifyReport } from '@errand/contracts';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '../api/request.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs } from '../parts/copy.tsx';
import { Empty, Failure, Progress } from '../parts/feedback.tsx';
import { JsonView } from '../parts/json-view.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Read } from '../parts/query-state.tsx';
import { Mark } from '../parts/status.tsx';
import { Table } from '../parts/table.tsx';
import { Ago, durationOf } from '../parts/time.tsx';

const PATH = '/admin/verifications';
const STEPS = {
  chain: "Step 1 of 4: the log's own order",
  jobs: 'Step 2 of 4: jobs and deliveries',
  rows: 'Step 3 of 4: rows without a job',
  second_look: 'Step 4 of 4: what looked wrong, again',
} as const;

interface Seen {
  readonly newest: Verification | undefined;
  readonly earlier: readonly Verification[];
}

/** Compares everything with the log, and shows what does not hold. */
export function VerifyPage() {
  const queries = useQueryClient();
  const [error, setError] = useState<unknown>();
  const seen = useQuery({
    queryKey: ['verifications'],
    queryFn: readVerifications,
    refetchInterval: ({ state: { data } }) => (data?.newest?.state === 'running' ? 500 : 5_000),
  });
  const act = async (path: string) => {
    setError(undefined);
    await request(path, { method: 'POST', body: {} }).catch(setError);
    await queries.invalidateQueries({ queryKey: ['verifications'] });
  };
  const running = seen.data?.newest?.state === 'running' ? seen.data.newest : undefined;
  return (
    <>
      <PageHead
        title="Verify"
        about="Rows, deliveries, configuration and the log's own chain, compared with the log"
      >
        <CopyAs curl={curlOf(PATH, { method: 'POST' })} errand={errandOf('verify')} />
        {running ? (
          <button
            type="button"
            className="btn danger"
            onClick={() => void act(`${PATH}/${running.verification_id}/cancel`)}
          >
            Cancel
          </button>
        ) : (
          <button type="button" className="btn primary" onClick={() => void act(PATH)}>
            Verify
          </button>
        )}
      </PageHead>
      {error === undefined ? null : <Failure error={error} />}
      <Read query={seen}>
        {({ newest, earlier }) => (
          <>
            <section className="panel">
              {newest === undefined ? (
                <Empty title="Nothing has been verified yet." command={errandOf('verify')} />
              ) : (
                <Newest verification={newest} />
              )}
            </section>
            {earlier.length === 0 ? null : (
              <section className="panel">
                <Table label="Earlier verifications" columns={['Begun', 'Of', 'End', 'Jobs', 'Took']}>
                  {earlier.map((each) => (
                    <tr key={each.verification_id}>
                      <td>
                        <Ago at={each.started_at} />
                      </td>
                      <td className="mono">{each.tenant_id ?? 'all tenants'}</td>
                      <td>{each.state}</td>
                      <td>{each.checked.jobs.toLocaleString()}</td>
                      <td>{tookOf(each)}</td>
                    </tr>
                  ))}
                </Table>
              </section>
            )}
          </>
        )}
      </Read>
    </>
  );
}

/** The newest has its report, the others are told without. */
async function readVerifications(): Promise<Seen> {
  const { verifications } = await request<{ verifications: Verification[] }>(PATH);
  const [newest, ...earlier] = verifications;
  if (newest?.state !== 'done') return { newest, earlier };
  return { newest: await request<Verification>(`${PATH}/${newest.verification_id}`), earlier };
}

function tookOf({ started_at, ended_at }: Verification): string {
  return ended_at === null ? '' : durationOf(Date.parse(ended_at) - Date.parse(started_at));
}

function Newest({ verification }: { verification: Verification }) {
  const { state, step, percent, checked, error, report } = verification;
  if (report) return <Report report={report} />;
  if (state === 'running') {
    return (
      <div className="body">
        <Progress
          label="Progress of this step"
          percent={percent ?? 0}
          text={step === null ? 'It is about to begin' : STEPS[step]}
        />
        <p className="dim" role="status">
          {checked.jobs.toLocaleString()} jobs, {checked.events.toLocaleString()} events so far
        </p>
      </div>
    );
  }
  return (
    <div className="body">
      <p role="status">
        <Mark tone="bad" icon="bad" word={state} pill />
      </p>
      {error === null ? null : <p className="note warn">{error}</p>}
    </div>
  );
}

function Report({ report }: { report: VerifyReport }) {
  const { checked, findings } = report;
  return (
    <div className="body stack">
      <p className="row" role="status">
        {findings.length === 0 ? (
          <Mark tone="ok" icon="ok" word="Everything holds" pill />
        ) : (
          <Mark tone="bad" icon="bad" word={`${findings.length} findings`} pill />
        )}
        <span className="dim">
          as of version {report.as_of_version}, in {durationOf(report.duration_ms)}
        </span>
      </p>
      <dl className="pairs">
        {Object.entries(checked).map(([name, count]) => (
          <div key={name} className="contents">
            <dt>{name}</dt>
            <dd>{count.toLocaleString()}</dd>
          </div>
        ))}
        <dt>unreadable</dt>
        <dd>{report.unreadable.toLocaleString()}</dd>
      </dl>
      {findings.length === 0 ? null : <JsonView text={JSON.stringify(findings)} label="findings" />}
    </div>
  );
}
