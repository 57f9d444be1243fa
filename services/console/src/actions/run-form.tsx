import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { type FormEvent, useRef, useState } from 'react';
import type { ActionView, Job } from '../api/answers.ts';
import type { JsonObject } from '../api/exact-json.ts';
import { ApiError, pathTo, request } from '../api/request.ts';
import { hasEnded } from '../job/use-job.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyText } from '../parts/copy.tsx';
import { Empty, Failure, Loading } from '../parts/feedback.tsx';
import { UUID } from '../parts/uuid.ts';
import { parametersOf, pathOf } from './action-link.ts';
import { actionsQuery } from './actions-query.ts';
import { InputField } from './input-field.tsx';
import type { Schema } from './schema.ts';
import { inputOf, type Written, withJsonError } from './written-input.ts';

/** What a form begins with, and whose job it runs again. */
interface Draft {
  readonly input: JsonObject;
  readonly resource: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly again?: Job;
}

const EMPTY: Draft = { input: {}, resource: {}, metadata: {} };

/** Runs an action: a form of its schema, or JSON. */
export function RunPage() {
  const { tenant, name } = useParams({ from: '/t/$tenant/actions/$name/run' });
  const asked = (useSearch({ strict: false }) as { from?: string }).from ?? '';
  const from = UUID.test(asked) ? asked : undefined;
  const actions = useQuery(actionsQuery(tenant));
  const draft = useQuery({
    queryKey: ['draft', tenant, from],
    queryFn: () => (from === undefined ? EMPTY : readDraft(tenant, from)),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const error = actions.error ?? draft.error;
  if (error) return <Failure error={error} />;
  if (!actions.data || !draft.data) return <Loading />;
  const action = actions.data.find((each) => each.name === name);
  if (!action?.links.run.startsWith(pathTo`/v2/tenants/${tenant}/`))
    return <Empty title={`The tenant has no action ${name}.`} command={errandOf('actions')} />;
  return <RunForm key={from ?? name} tenant={tenant} action={action} draft={draft.data} />;
}

async function readDraft(tenant: string, jobId: string): Promise<Draft> {
  const path = pathTo`/v2/tenants/${tenant}/jobs/${jobId}`;
  const [again, input] = await Promise.all([request<Job>(path), request<JsonObject>(`${path}/input`)]);
  return { input, resource: again.resource, metadata: again.metadata, again };
}

function RunForm({ tenant, action, draft }: { tenant: string; action: ActionView; draft: Draft }) {
  const { again } = draft;
  const [input, setInput] = useState<Written>({ value: draft.input });
  const [resource, setResource] = useState(draft.resource);
  const [metadata, setMetadata] = useState(textOfMetadata(draft.metadata));
  const [error, setError] = useState<unknown>();
  const [isValid, setValid] = useState(false);
  const key = useRef(crypto.randomUUID());
  const navigate = useNavigate();
  const isRetry = again !== undefined && hasEnded(again);
  const path = isRetry
    ? pathTo`/v2/tenants/${tenant}/jobs/${again.job_id}/retry`
    : pathOf(action.links.run, resource);
  const bodyOf = (): unknown => {
    const sent = inputOf(input);
    const entries = metadataOf(metadata);
    if (isRetry) return { input: sent, metadata: entries };
    if (Object.keys(entries).length === 0) return sent;
    const { _job: options = {}, ...others } = sent as JsonObject & { _job?: JsonObject };
    return { ...others, _job: { ...options, metadata: entries } };
  };
  const send = async (event: FormEvent | undefined, validateOnly: boolean) => {
    event?.preventDefault();
    setError(undefined);
    setValid(false);
    try {
      const sent = validateOnly ? `${path}?validate_only=true` : path;
      const headers = validateOnly ? {} : { 'idempotency-key': key.current };
      const made = await request<{ job_id: string }>(sent, { method: 'POST', body: bodyOf(), headers });
      if (validateOnly) return setValid(true);
      await navigate({ to: '/t/$tenant/jobs/$jobId', params: { tenant, jobId: made.job_id } });
    } catch (failed) {
      // Another request than the one that was refused.
      key.current = crypto.randomUUID();
      setError(withJsonError(failed));
    }
  };
  const errors = errorsOf(error);
  return (
    <>
      <div className="head">
        <div className="grow">
          <span className="crumb">
            <Link to="/t/$tenant/actions" params={{ tenant }}>
              Actions
            </Link>{' '}
            / {action.name}
          </span>
          <h1>{again ? `Run ${action.name} again, edited` : `Run ${action.name}`}</h1>
          <span className="dim" dir="auto">
            {action.description}
          </span>
        </div>
      </div>
      {action.unserved_since === null ? null : (
        <p className="note warn">No executor serves this action now: a run waits for one.</p>
      )}
      <form className="panel run" onSubmit={(event) => void send(event, false)}>
        <div className="body stack">
          {parametersOf(action.links.run).map((parameter) => (
            <div className="field" key={parameter}>
              <label htmlFor={`resource-${parameter}`}>
                {parameter} <span className="dim">of the path, required</span>
              </label>
              <input
                id={`resource-${parameter}`}
                required
                disabled={isRetry}
                value={resource[parameter] ?? ''}
                onInput={(event) => setResource({ ...resource, [parameter]: event.currentTarget.value })}
              />
            </div>
          ))}
          <InputField
            schema={action.input_schema as Schema}
            written={input}
            onChange={setInput}
            pointer=""
            errors={errors}
          />
          <div className="field">
            <label htmlFor="metadata">
              Metadata <span className="dim">one name=value a line, or JSON</span>
            </label>
            <textarea
              id="metadata"
              rows={2}
              value={metadata}
              onInput={(event) => setMetadata(event.currentTarget.value)}
            />
          </div>
          {error === undefined ? null : <Failure error={error} />}
          {isValid ? (
            <p className="note ok" role="status">
              The input is valid.
            </p>
          ) : null}
          <div className="row">
            <button type="submit" className="btn primary">
              Run
            </button>
            {isRetry ? null : (
              <button type="button" className="btn" onClick={() => void send(undefined, true)}>
                Check only
              </button>
            )}
          </div>
          <details>
            <summary>As a command</summary>
            <CopyText text={curlOf(path, { method: 'POST', body: textOf(bodyOf) })} />
          </details>
        </div>
      </form>
    </>
  );
}

/** What is wrong, by pointers into the input. */
function errorsOf(error: unknown): ReadonlyMap<string, string> {
  const errors = error instanceof ApiError ? error.errors : [];
  return new Map(
    errors.map(({ pointer = '', detail }) => [
      pointer.replace(/^#/, '').replace(/^\/input(?=\/|$)/, ''),
      detail,
    ]),
  );
}

/** Lines of name=value; JSON where lines could not hold it. */
function textOfMetadata(metadata: Readonly<Record<string, string>>): string {
  const entries = Object.entries(metadata);
  const isPlain = entries.every(
    ([name, value]) => !/[=\n\r]|^\s|^\{|\s$/.test(name) && !/[\n\r]/.test(value),
  );
  return isPlain ? entries.map((entry) => entry.join('=')).join('\n') : JSON.stringify(metadata, null, 2);
}

function metadataOf(text: string): Record<string, string> {
  if (text.trimStart().startsWith('{')) return JSON.parse(text) as Record<string, string>;
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf('=');
      if (at <= 0) throw new SyntaxError(`metadata: "${line}" is not name=value`);
      return [line.slice(0, at).trim(), line.slice(at + 1)];
    }),
  );
}

function textOf(bodyOf: () => unknown): string {
  try {
    return JSON.stringify(bodyOf());
  } catch {
    return '{}';
  }
}
