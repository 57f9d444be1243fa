import { useQuery } from '@tanstack/react-query';
import type { Job } from '../api/answers.ts';
import { requestText } from '../api/request.ts';
import { Empty } from '../parts/feedback.tsx';
import { JsonView } from '../parts/json-view.tsx';
import { Read } from '../parts/query-state.tsx';
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
        <a className="btn" href={`${path}/result`} download>
          Download
        </a>
      </p>
    </div>
  );
}
