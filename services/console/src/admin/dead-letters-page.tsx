import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { DeadLetter } from '../api/answers.ts';
import { request } from '../api/request.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs } from '../parts/copy.tsx';
import { Empty, Failure } from '../parts/feedback.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Read } from '../parts/query-state.tsx';
import { Scroll } from '../parts/scroll.tsx';
import { Ago } from '../parts/time.tsx';

const PATH = '/admin/dead-letters';

/** Events that a reader could not read. */
export function DeadLettersPage() {
  const queries = useQueryClient();
  const [error, setError] = useState<unknown>();
  const letters = useQuery({
    queryKey: ['dead-letters'],
    queryFn: async () => (await request<{ dead_letters: readonly DeadLetter[] }>(PATH)).dead_letters,
    refetchInterval: 3_000,
  });
  const act = async (path: string, method: 'POST' | 'DELETE') => {
    setError(undefined);
    await request(path, { method }).catch(setError);
    await queries.invalidateQueries({ queryKey: ['dead-letters'] });
  };
  const discard = (id: number) => {
    if (confirm(`Discard dead letter ${id} for good? The event stays in the log.`))
      void act(`${PATH}/${id}`, 'DELETE');
  };
  return (
    <>
      <PageHead title="Dead letters" about="Events that a reader of the log could not read">
        <CopyAs curl={curlOf(PATH)} errand={errandOf('dead-letters', 'list')} />
      </PageHead>
      {error === undefined ? null : <Failure error={error} />}
      <section className="panel">
        <Read query={letters}>
          {(list) =>
            list.length === 0 ? (
              <Empty title="None: every event could be read." command={errandOf('dead-letters', 'list')} />
            ) : (
              <ul className="plain body">
                {list.map((letter) => (
                  <li key={letter.id}>
                    <details>
                      <summary className="row">
                        <b>{letter.id}</b>
                        <span>{letter.reason}</span>
                        <span className="mono dim">{letter.subject}</span>
                        <span className="dim">
                          {letter.consumer}, <Ago at={letter.parked_at} />
                        </span>
                      </summary>
                      <Scroll label={`Body of dead letter ${letter.id}`}>
                        <pre dir="auto">{letter.body}</pre>
                      </Scroll>
                    </details>
                    <div className="row">
                      <button
                        type="button"
                        className="btn"
                        onClick={() => void act(`${PATH}/${letter.id}/redrive`, 'POST')}
                      >
                        Redrive<span className="sr"> {letter.id}</span>
                      </button>
                      <button type="button" className="btn danger" onClick={() => discard(letter.id)}>
                        Discard<span className="sr"> {letter.id}</span>
                      </button>
                    </div>
                  </li>
                ))}
              </ul>
            )
          }
        </Read>
      </section>
    </>
  );
}
