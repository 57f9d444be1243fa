import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import type { KeyView, OwnLimits } from '../api/answers.ts';
import { pathTo, request } from '../api/request.ts';
import { useSession } from '../frame/console-session.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs, CopyText } from '../parts/copy.tsx';
import { Empty, Failure } from '../parts/feedback.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Read } from '../parts/query-state.tsx';
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
      {session?.role === 'admin' ? (
        <Keys tenant={tenant} />
      ) : (
        <p className="dim">
          Keys of the tenant are made with the admin key; this session has one of its own.
        </p>
      )}
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

function Keys({ tenant }: { tenant: string }) {
  const queries = useQueryClient();
  const [error, setError] = useState<unknown>();
  const [made, setMade] = useState<string>();
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<readonly string[]>([]);
  const path = pathTo`/admin/tenants/${tenant}/keys`;
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
      const body = { name, ...(scopes.length > 0 ? { scopes } : {}) };
      const { api_key: key } = await request<{ api_key: string }>(path, { method: 'POST', body });
      setMade(key);
      setName('');
    });
  };
  const revoke = (key: KeyView) => {
    if (!confirm(`Revoke the key ${key.name}? Its sessions and tokens end at once.`)) return;
    void act(() => request(pathTo`/admin/keys/${key.key_id}`, { method: 'DELETE' }));
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
            <Table label="Keys" columns={['Key', 'May', 'Last used', 'Ends', { spoken: 'Revoke' }]}>
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
                  <td className="num">
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
          <legend>Scopes: none chosen, all</legend>
          <div className="row">
            {KEY_SCOPES.map((scope) => (
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
        <div>
          <button type="submit" className="btn primary" disabled={isBusy}>
            Make a key
          </button>
        </div>
      </form>
    </section>
  );
}
