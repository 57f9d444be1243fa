import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import type { KeyView, OwnLimits, Session } from '../api/answers.ts';
import { pathTo, request } from '../api/request.ts';
import { useSession } from '../frame/console-session.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs, CopyText } from '../parts/copy.tsx';
import { Empty, Failure } from '../parts/feedback.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Read } from '../parts/query-state.tsx';
import { scopesIn } from '../parts/rights.tsx';
import { Table } from '../parts/table.tsx';
import { Ago } from '../parts/time.tsx';
import { KEY_SCOPES } from './scopes.ts';

/** What the tenant may, and who may act for it. */
export function KeysPage() {
  const { tenant } = useParams({ from: '/t/$tenant/keys' });
  const session = useSession();
  const path = pathTo`/v2/tenants/${tenant}/limits`;
  const limits = useQuery({
    queryKey: ['limits', tenant],
    queryFn: () => request<OwnLimits>(path),
    refetchInterval: 5_000,
  });
  return (
    <>
      <PageHead title="Keys and limits">
        <CopyAs curl={curlOf(path)} errand={errandOf('tenants', 'show', tenant)} />
      </PageHead>
      <section className="panel">
        <header>
          <h2>Limits</h2>
        </header>
        <div className="body">
          <Read query={limits}>{(data) => <Limits own={data} />}</Read>
        </div>
      </section>
      {session ? <Keys tenant={tenant} session={session} /> : null}
    </>
  );
}

function Limits({ own }: { own: OwnLimits }) {
  const entries = Object.entries(own.limits);
  return (
    <dl className="pairs">
      <dt>queued now</dt>
      <dd>{own.queued === null ? 'nobody says' : own.queued.toLocaleString()}</dd>
      <dt>paused</dt>
      <dd>{own.paused ? 'yes: none of its jobs begins' : 'no'}</dd>
      <dt>actions</dt>
      <dd>{own.actions === null ? 'all' : own.actions.join(', ') || 'none'}</dd>
      {entries.length === 0 ? (
        <>
          <dt>limits</dt>
          <dd>none</dd>
        </>
      ) : (
        entries.map(([name, value]) => (
          <div key={name} className="contents">
            <dt>{name}</dt>
            <dd>{Number(value).toLocaleString()}</dd>
          </div>
        ))
      )}
    </dl>
  );
}

/** Keys that may do no more than the session's own; for the admin key, all. */
function Keys({ tenant, session }: { tenant: string; session: Session }) {
  const scopes = scopesIn(session, tenant);
  const own = scopes ?? KEY_SCOPES;
  return own.includes('keys:write') ? (
    <ManagedKeys tenant={tenant} scopes={own} isBound={scopes !== undefined} />
  ) : (
    <p className="dim">This session may not manage keys: that needs the scope keys:write.</p>
  );
}

interface ManagedProps {
  readonly tenant: string;
  /** Those that a new key may have. */
  readonly scopes: readonly string[];
  /** A new key must name some of them. */
  readonly isBound: boolean;
}

function ManagedKeys({ tenant, scopes: own, isBound }: ManagedProps) {
  const queries = useQueryClient();
  const [error, setError] = useState<unknown>();
  const [made, setMade] = useState<string>();
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<readonly string[]>([]);
  const [end, setEnd] = useState('');
  const path = pathTo`/v2/tenants/${tenant}/keys`;
  const queryKey = ['keys', tenant];
  const keys = useQuery({
    queryKey,
    queryFn: async () => (await request<{ keys: readonly KeyView[] }>(path)).keys,
  });
  const [isBusy, setBusy] = useState(false);
  const act = async (deed: () => Promise<unknown>) => {
    if (isBusy) return;
    setBusy(true);
    setError(undefined);
    setMade(undefined);
    await deed().catch(setError);
    setBusy(false);
    await queries.invalidateQueries({ queryKey });
  };
  const create = (event: FormEvent) => {
    event.preventDefault();
    void act(async () => {
      const body = {
        name,
        ...(scopes.length > 0 ? { scopes } : {}),
        ...(end === '' ? {} : { expires_at: new Date(end).toISOString() }),
      };
      const { api_key: key } = await request<{ api_key: string }>(path, { method: 'POST', body });
      setMade(key);
      setName('');
    });
  };
  const pathOf = (key: KeyView) => pathTo`/v2/tenants/${tenant}/keys/${key.key_id}`;
  const rotate = (key: KeyView) => {
    if (!confirm(`Replace the key ${key.name}? It stays valid for a day.`)) return;
    void act(async () => {
      const { api_key } = await request<{ api_key: string }>(`${pathOf(key)}/rotate`, {
        method: 'POST',
        body: {},
      });
      setMade(api_key);
    });
  };
  const revoke = (key: KeyView) => {
    if (!confirm(`Revoke the key ${key.name}? Its sessions and tokens end at once.`)) return;
    void act(() => request(pathOf(key), { method: 'DELETE' }));
  };
  return (
    <section className="panel">
      <header>
        <h2>Keys</h2>
      </header>
      {error === undefined ? null : <Failure error={error} />}
      {made === undefined ? null : (
        <div className="note ok" role="status">
          The key, shown only now:
          <CopyText text={made} />
        </div>
      )}
      <Read query={keys}>
        {(list) =>
          list.length === 0 ? (
            <Empty title="The tenant has no key." command={errandOf('keys', 'create', 'billing')} />
          ) : (
            <Table label="Keys" columns={['Key', 'May', 'Last used', 'Ends', { spoken: 'Rotate or revoke' }]}>
              {list.map((key) => (
                <tr key={key.key_id}>
                  <td>
                    <bdi>{key.name}</bdi> <span className="mono faint">{key.key_id.slice(0, 8)}</span>
                  </td>
                  <td className="dim">{key.scopes?.join(', ') ?? 'all'}</td>
                  <td className="dim nowrap">
                    <Ago at={key.last_used_at} />
                  </td>
                  <td className="dim nowrap">
                    <Ago at={key.expires_at} />
                  </td>
                  <td className="num nowrap">
                    <button type="button" className="btn" onClick={() => rotate(key)}>
                      Rotate<span className="sr"> {key.name}</span>
                    </button>{' '}
                    <button type="button" className="btn danger" onClick={() => revoke(key)}>
                      Revoke<span className="sr"> {key.name}</span>
                    </button>
                  </td>
                </tr>
              ))}
            </Table>
          )
        }
      </Read>
      <form className="body stack" onSubmit={create}>
        <div className="field">
          <label htmlFor="key-name">Name of a new key</label>
          <input
            id="key-name"
            required
            maxLength={100}
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </div>
        <fieldset>
          <legend>{isBound ? 'Scopes' : 'Scopes: none chosen, all'}</legend>
          <div className="row">
            {own.map((scope) => (
              <label key={scope} className="row">
                <input
                  type="checkbox"
                  checked={scopes.includes(scope)}
                  onChange={(event) =>
                    setScopes(
                      event.currentTarget.checked
                        ? [...scopes, scope]
                        : scopes.filter((each) => each !== scope),
                    )
                  }
                />
                {scope}
              </label>
            ))}
          </div>
        </fieldset>
        <div className="field">
          <label htmlFor="key-end">Ends; empty, never</label>
          <input
            id="key-end"
            type="datetime-local"
            value={end}
            onInput={(event) => setEnd(event.currentTarget.value)}
          />
        </div>
        <div>
          <button type="submit" className="btn primary" disabled={isBusy}>
            Make a key
          </button>
        </div>
      </form>
    </section>
  );
}
