import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Job } from '../api/answers.ts';
import { requestFile, requestText } from '../api/request.ts';
import { Empty, Failure } from '../parts/feedback.tsx';
import { JsonView } from '../parts/json-view.tsx';
import { Read } from '../parts/query-state.tsx';
import { useRights } from '../parts/rights.tsx';
import { hasEnded } from './use-job.ts';

/** The job's input, as it was sent. */
export function JobInput({ path }: { path: string }) {
  const input = useQuery({
    queryKey: ['input', path],
    queryFn: () => requestText(`${path}/input`),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <div className="body">
      <Read query={input}>{(text) => <JsonView text={text} label="input" />}</Read>
    </div>
  );
}

/** The job's result: JSON as it is, a file to be downloaded. */
export function JobResult({ path, job }: { path: string; job: Job }) {
  const isJson = job.results_link === null || /json/.test(job.results_link.content_type ?? '');
  const result = useQuery({
    queryKey: ['result', path, job.version],
    queryFn: () => requestText(`${path}/result`),
    enabled: job.status === 'succeeded' && isJson,
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (job.status !== 'succeeded') {
    return <Empty title={hasEnded(job) ? 'The job has ended without a result.' : 'The job has not ended.'} />;
  }
  return (
    <div className="body stack">
      {isJson ? <Read query={result}>{(text) => <JsonView text={text} label="result" />}</Read> : null}
      <p>
        <Download path={`${path}/result`} />
      </p>
    </div>
  );
}

/** A link carries a cookie and no token: a customer's page reads the file itself, and has it saved. */
function Download({ path }: { path: string }) {
  const { isCustomer } = useRights();
  const [error, setError] = useState<unknown>();
  if (!isCustomer) {
    return (
      <a className="btn" href={path} download>
        Download
      </a>
    );
  }
  const save = async () => {
    const url = URL.createObjectURL(await requestFile(path));
    const link = document.createElement('a');
    link.href = url;
    link.download = 'result';
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <>
      <button type="button" className="btn" onClick={() => void save().catch(setError)}>
        Download
      </button>
      {error === undefined ? null : <Failure error={error} />}
    </>
  );
}
