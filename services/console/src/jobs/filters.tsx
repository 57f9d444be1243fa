import type { JobStatus } from '@errand/contracts';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { actionsQuery } from '../actions/actions-query.ts';
import type { JobFilter } from './job-filter.ts';

const STATUSES: readonly JobStatus[] = ['queued', 'running', 'succeeded', 'failed', 'canceled', 'expired'];
const AGES = { '': 'any time', '1': 'last hour', '24': 'last 24 hours', '72': 'last 3 days' } as const;
const HOUR_MS = 3_600_000;

/** What a list is narrowed to; all of it is in the URL. */
export function Filters({ tenant, filter }: { tenant: string; filter: JobFilter }) {
  const navigate = useNavigate();
  const actions = useQuery(actionsQuery(tenant));
  const [metadata, setMetadata] = useState('');
  const [isWrong, setWrong] = useState(false);
  const change = (changed: Record<string, string | undefined>) => {
    const search = Object.fromEntries(
      Object.entries({ ...filter, ...changed }).filter(
        ([name, value]) => value !== undefined && (value !== '' || name.startsWith('meta.')),
      ),
    );
    void navigate({ to: '/t/$tenant/jobs', params: { tenant }, search });
  };
  const addMetadata = (event: FormEvent) => {
    event.preventDefault();
    const [name = '', ...value] = metadata.split('=');
    setWrong(name === '' || value.length === 0);
    if (name === '' || value.length === 0) return;
    setMetadata('');
    change({ [`meta.${name}`]: value.join('=') });
  };
  const names = [
    ...new Set([...(actions.data ?? []).map((each) => each.name), ...(filter.action ? [filter.action] : [])]),
  ];
  return (
    <div className="row" role="group" aria-label="Filters">
      <Choice
        name="status"
        value={filter.status ?? ''}
        options={['', ...STATUSES]}
        onChange={(status) => change({ status })}
      />
      <Choice
        name="action"
        value={filter.action ?? ''}
        options={['', ...names]}
        onChange={(action) => change({ action })}
      />
      <Choice
        name="created"
        value={filter.created_after === undefined ? '' : 'since'}
        options={Object.keys(AGES)}
        wordOf={(age) => (age === 'since' ? `since ${filter.created_after}` : AGES[age as keyof typeof AGES])}
        onChange={(age) =>
          change({
            created_after:
              age === '' ? undefined : new Date(Date.now() - Number(age) * HOUR_MS).toISOString(),
          })
        }
      />
      {Object.entries(filter).flatMap(([name, value]) =>
        name.startsWith('meta.') || name === 'q' || name === 'source'
          ? [
              <button
                type="button"
                key={name}
                className="chip on"
                onClick={() => change({ [name]: undefined })}
                aria-label={`Remove the filter ${name} ${value}`}
              >
                <b>{name === 'q' ? 'has' : name.replace(/^meta\./, '')}</b>
                <bdi>{value}</bdi> <span aria-hidden="true">✕</span>
              </button>,
            ]
          : [],
      )}
      <form onSubmit={addMetadata} className="row">
        <input
          className="chip"
          aria-label="Metadata, as name=value"
          aria-invalid={isWrong}
          placeholder="metadata: name=value"
          value={metadata}
          onInput={(event) => setMetadata(event.currentTarget.value)}
        />
      </form>
    </div>
  );
}

function Choice(props: {
  name: string;
  value: string;
  options: readonly string[];
  wordOf?: (value: string) => string;
  onChange: (value: string) => void;
}) {
  const { name, value, options, wordOf = (each) => each || 'any', onChange } = props;
  const all = options.includes(value) ? options : [value, ...options];
  return (
    <label className={`chip${value === '' ? '' : ' on'}`}>
      <b>{name}</b>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {all.map((each) => (
          <option key={each} value={each}>
            {wordOf(each)}
          </option>
        ))}
      </select>
    </label>
  );
}
