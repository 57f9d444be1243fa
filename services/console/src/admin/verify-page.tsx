import type { VerifyReport } from '@errand/contracts';
import { useMutation } from '@tanstack/react-query';
import { request } from '../api/request.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs } from '../parts/copy.tsx';
import { Empty, Failure } from '../parts/feedback.tsx';
import { JsonView } from '../parts/json-view.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Mark } from '../parts/status.tsx';
import { durationOf } from '../parts/time.tsx';

/** Compares everything with the log, and shows what does not hold. */
export function VerifyPage() {
  const verify = useMutation({ mutationFn: () => request<VerifyReport>('/admin/verify') });
  return (
    <>
      <PageHead
        title="Verify"
        about="Rows, deliveries, configuration and the log's own chain, compared with the log"
      >
        <CopyAs curl={curlOf('/admin/verify')} errand={errandOf('verify')} />
        <button
          type="button"
          className="btn primary"
          disabled={verify.isPending}
          onClick={() => verify.mutate()}
        >
          Verify
        </button>
      </PageHead>
      {verify.error ? <Failure error={verify.error} /> : null}
      <section className="panel">
        {verify.isPending ? (
          <div className="body" role="status">
            <progress aria-label="Verifying" /> Verifying…
          </div>
        ) : verify.data ? (
          <Report report={verify.data} />
        ) : (
          <Empty title="Not verified yet in this session." command={errandOf('verify')} />
        )}
      </section>
    </>
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
