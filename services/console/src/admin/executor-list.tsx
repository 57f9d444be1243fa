import type { ExecutorHeartbeat } from '@errand/contracts';
import { useQuery } from '@tanstack/react-query';
import { request } from '../api/request.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs } from '../parts/copy.tsx';
import { Empty } from '../parts/feedback.tsx';
import { Read } from '../parts/query-state.tsx';
import { Scroll } from '../parts/scroll.tsx';
import { Ago } from '../parts/time.tsx';

/** Who runs attempts, by their own word of a few seconds ago. */
export function ExecutorList() {
  const executors = useQuery({
    queryKey: ['executors'],
    queryFn: async () =>
      (await request<{ executors: readonly ExecutorHeartbeat[] }>('/admin/executors')).executors,
    refetchInterval: 3_000,
  });
  return (
    <>
      <div className="head">
        <div className="grow">
          <h1>Executors</h1>
        </div>
        <CopyAs curl={curlOf('/admin/executors')} />
      </div>
      <section className="panel">
        <Read query={executors}>
          {(list) =>
            list.length === 0 ? (
              <Empty title="No executor lives." command={errandOf('dev')}>
                Jobs wait until one does.
              </Empty>
            ) : (
              <Scroll label="Executors">
                <table>
                  <thead>
                    <tr>
                      <th scope="col">Executor</th>
                      <th scope="col">Action</th>
                      <th scope="col" className="num">
                        Running
                      </th>
                      <th scope="col" className="num">
                        Slots
                      </th>
                      <th scope="col">Version</th>
                      <th scope="col">Since</th>
                    </tr>
                  </thead>
                  <tbody>
                    {list.flatMap((executor) =>
                      executor.contracts.map((contract, index) => (
                        <tr key={`${executor.executor_id} ${contract.contract_id}`}>
                          <td className="mono">{index === 0 ? executor.executor_id : ''}</td>
                          <td>{contract.action}</td>
                          <td className="num">{contract.running}</td>
                          <td className="num">{contract.slots}</td>
                          <td className="mono dim">{index === 0 ? executor.version : ''}</td>
                          <td className="dim nowrap">
                            {index === 0 ? <Ago at={executor.started_at} /> : ''}
                          </td>
                        </tr>
                      )),
                    )}
                  </tbody>
                </table>
              </Scroll>
            )
          }
        </Read>
      </section>
    </>
  );
}
