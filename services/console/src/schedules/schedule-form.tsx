import type { InputError } from '@errand/contracts';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { type FormEvent, useEffect, useState } from 'react';
import { parametersOf } from '../actions/action-link.ts';
import { actionsQuery } from '../actions/actions-query.ts';
import { InputField } from '../actions/input-field.tsx';
import type { Schema } from '../actions/schema.ts';
import { SchemaField } from '../actions/schema-field.tsx';
import { withJsonError } from '../actions/written-input.ts';
import type { ActionView, SchedulePreview, ScheduleView } from '../api/answers.ts';
import { type JsonObject, parseExact } from '../api/exact-json.ts';
import { ApiError, pathTo, request } from '../api/request.ts';
import { curlOf } from '../parts/commands.ts';
import { CopyText } from '../parts/copy.tsx';
import { Failure } from '../parts/feedback.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Read } from '../parts/query-state.tsx';
import { bodyOf, changesOf, type Draft, draftOf, MANNER, NAME, newDraft, PERIOD, TIMINGS } from './draft.ts';
import { TickList } from './tick-list.tsx';
import { goodForMs } from './ticks.ts';

const SETTLED_MS = 400;
const CLOCKS = { cron: 'Cron expression', every_s: 'Every so many seconds' } as const;

export function NewSchedule() {
  const { tenant } = useParams({ from: '/t/$tenant/schedules/new' });
  const actions = useQuery(actionsQuery(tenant));
  return (
    <>
      <PageHead title="New schedule" about="It asks for a job at each of its ticks" />
      <Read query={actions}>{(list) => <ScheduleForm tenant={tenant} actions={list} />}</Read>
    </>
  );
}

export function ChangeSchedule() {
  const { tenant, scheduleId } = useParams({ from: '/t/$tenant/schedules/$scheduleId/change' });
  const actions = useQuery(actionsQuery(tenant));
  const schedule = useQuery({
    queryKey: ['schedule-draft', tenant, scheduleId],
    queryFn: () => request<ScheduleView>(pathTo`/v2/tenants/${tenant}/schedules/${scheduleId}`),
    // What is typed is a change of what was read at first.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  return (
    <>
      <PageHead
        title="Change a schedule"
        about={
          <Link className="link" to="/t/$tenant/schedules/$scheduleId" params={{ tenant, scheduleId }}>
            <span className="mono">{scheduleId}</span>
          </Link>
        }
      />
      <Read query={actions}>
        {(list) => (
          <Read query={schedule}>
            {(data) => <ScheduleForm key={scheduleId} tenant={tenant} actions={list} known={data} />}
          </Read>
        )}
      </Read>
    </>
  );
}

interface FormProps {
  readonly tenant: string;
  readonly actions: readonly ActionView[];
  /** The schedule that is changed; absent for a new one. */
  readonly known?: ScheduleView;
}

function ScheduleForm({ tenant, actions, known }: FormProps) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [initial] = useState(() => (known ? draftOf(known) : newDraft(ownTimeZone())));
  const [draft, setDraft] = useState(initial);
  const [error, setError] = useState<unknown>();
  const [wasSent, setSent] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const schedules = pathTo`/v2/tenants/${tenant}/schedules`;
  const path = known ? `${schedules}/${known.schedule_id}` : schedules;
  const method = known ? 'PATCH' : 'POST';
  const check = useCheck(schedules, draft, known);
  const put = (changed: Partial<Draft>) => {
    setError(undefined);
    setDraft({ ...draft, ...changed });
  };
  const sent = () => (known ? changesOf(bodyOf(draft), bodyOf(initial)) : bodyOf(draft));
  const send = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setSent(true);
    setError(undefined);
    try {
      const made = await request<ScheduleView>(path, { method, body: sent() });
      await queries.invalidateQueries({ queryKey: ['schedules', tenant] });
      const params = { tenant, scheduleId: made.schedule_id };
      await navigate({ to: '/t/$tenant/schedules/$scheduleId', params });
    } catch (failed) {
      setError(withJsonError(failed));
    }
    setBusy(false);
  };
  // What is not filled in yet is no mistake before the form is sent.
  const errors = errorsOf(error ?? check.error, ({ code }) => wasSent || code !== 'required');
  return (
    <form className="stack" onSubmit={(event) => void send(event)}>
      <div className="grid2">
        <section className="panel">
          <div className="body stack">
            <TickFields draft={draft} put={put} errors={errors} actions={actions} />
          </div>
        </section>
        <section className="panel">
          <header>
            <h2>When it would tick</h2>
          </header>
          {check.data ? (
            <TickList preview={check.data} zone={String(draft.members.time_zone ?? 'UTC')} />
          ) : (
            <WhyNone error={check.error} />
          )}
        </section>
      </div>
      <section className="panel">
        <div className="body stack">
          <JobFields draft={draft} put={put} errors={errors} actions={actions} />
          <MemberFields schema={MANNER} draft={draft} put={put} errors={errors} />
          {known ? null : <MemberFields schema={NAME} draft={draft} put={put} errors={errors} />}
          {error === undefined ? null : <Failure error={error} />}
          <div>
            <button type="submit" className="btn primary" disabled={isBusy}>
              {known ? 'Change' : 'Make the schedule'}
            </button>
          </div>
          <details>
            <summary>As a command</summary>
            <CopyText text={curlOf(path, { method, body: textOf(sent) ?? '{}' })} />
          </details>
        </div>
      </section>
    </form>
  );
}

interface FieldsProps {
  readonly draft: Draft;
  readonly put: (changed: Partial<Draft>) => void;
  /** What is wrong, by pointer. */
  readonly errors: ReadonlyMap<string, string>;
}

interface ActionFieldsProps extends FieldsProps {
  readonly actions: readonly ActionView[];
}

/** Which action, and when. */
function TickFields({ draft, put, errors, actions }: ActionFieldsProps) {
  const names = new Set([...actions.map(({ name }) => name), draft.action]);
  const choice = { enum: [...names].filter((name) => name !== ''), title: 'Action' };
  return (
    <>
      <SchemaField
        name="action"
        schema={choice}
        root={choice}
        value={draft.action === '' ? undefined : draft.action}
        onChange={(name) => put({ action: String(name ?? ''), resource: {}, input: { value: {} } })}
        isRequired
        pointer="/action"
        errors={errors}
      />
      <div className="row" role="group" aria-label="What it ticks by">
        {(Object.keys(CLOCKS) as Draft['by'][]).map((clock) => (
          <button
            key={clock}
            type="button"
            className={`chip${draft.by === clock ? ' on' : ''}`}
            aria-pressed={draft.by === clock}
            onClick={() => put({ by: clock })}
          >
            {CLOCKS[clock]}
          </button>
        ))}
      </div>
      <MemberFields schema={TIMINGS[draft.by]} draft={draft} put={put} errors={errors} />
      <MemberFields schema={PERIOD} draft={draft} put={put} errors={errors} />
    </>
  );
}

/** What its jobs are of: the action's resource and input. */
function JobFields({ draft, put, errors, actions }: ActionFieldsProps) {
  const action = actions.find(({ name }) => name === draft.action);
  const parameters = action ? parametersOf(action.links.run) : Object.keys(draft.resource);
  const ofResource = resourceSchema(parameters);
  return (
    <>
      {parameters.length === 0 ? null : (
        <SchemaField
          name="resource"
          schema={ofResource}
          root={ofResource}
          value={draft.resource}
          onChange={(changed) => put({ resource: changed as JsonObject })}
          isRequired
          pointer="/resource"
          errors={errors}
        />
      )}
      <InputField
        key={draft.action}
        schema={(action?.input_schema ?? {}) as Schema}
        written={draft.input}
        onChange={(input) => put({ input })}
        pointer="/input"
        errors={errors}
      />
    </>
  );
}

function MemberFields({ schema, draft, put, errors }: FieldsProps & { schema: Schema }) {
  return (
    <SchemaField
      name="schedule"
      schema={schema}
      root={schema}
      value={draft.members}
      onChange={(members) => put({ members: members as JsonObject })}
      isRequired
      pointer=""
      errors={errors}
    />
  );
}

function WhyNone({ error }: { error: unknown }) {
  if (!error)
    return <p className="body dim">Shown once there are an action, its times, and an input that is JSON.</p>;
  if (!(error instanceof ApiError) || error.errors.length === 0) return <Failure error={error} />;
  return (
    <ul className="plain body">
      {error.errors.map(({ pointer, code, detail }) => (
        <li key={`${pointer} ${code}`}>
          <span className="mono">{pointer}</span> {detail}
        </li>
      ))}
    </ul>
  );
}

/** The next ticks of what the form says, or what the API finds wrong with it, as one types. */
function useCheck(schedules: string, draft: Draft, known: ScheduleView | undefined) {
  const isChosen = draft.action !== '' && draft.members[draft.by] !== undefined;
  const text = useSettled(isChosen ? textOf(() => checkedBody(draft, known)) : undefined);
  return useQuery({
    queryKey: ['schedule-check', schedules, text],
    queryFn: ({ signal }) =>
      request<SchedulePreview>(`${schedules}?validate_only=true`, {
        method: 'POST',
        body: parseExact(text ?? ''),
        signal,
      }),
    enabled: text !== undefined,
    placeholderData: (previous) => (text === undefined ? undefined : previous),
    // Ticks pass while one types; what is wrong stays wrong.
    refetchInterval: ({ state: { data, error } }) => (data && !error ? goodForMs(data, Date.now()) : false),
    gcTime: 0,
  });
}

/** A schedule of every so many seconds counts them from its creation, which a check takes for now. */
function checkedBody(draft: Draft, known: ScheduleView | undefined): JsonObject {
  const body = bodyOf(draft);
  const isCounted = known !== undefined && draft.by === 'every_s' && body.starts_at === null;
  return isCounted ? { ...body, starts_at: known.created_at } : body;
}

/** A text once it has stayed the same for a moment. */
function useSettled(text: string | undefined): string | undefined {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

/** A body as JSON; undefined while its input is none. */
function textOf(read: () => JsonObject): string | undefined {
  try {
    return JSON.stringify(read());
  } catch {
    return undefined;
  }
}

/** What is wrong, by pointers into the body. */
function errorsOf(error: unknown, isShown: (error: InputError) => boolean): ReadonlyMap<string, string> {
  const errors = error instanceof ApiError ? error.errors.filter(isShown) : [];
  return new Map(errors.map(({ pointer = '', detail }) => [pointer.replace(/^#/, ''), detail]));
}

function resourceSchema(parameters: readonly string[]): Schema {
  const properties = Object.fromEntries(parameters.map((name) => [name, { type: 'string' }]));
  return { type: 'object', title: 'Resource', properties, required: parameters };
}

function ownTimeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}
