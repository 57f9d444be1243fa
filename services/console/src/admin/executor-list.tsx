import type { ExecutorHeartbeat } from '@errand/contracts';
import { useQuery } from '@tanstack/react-query';
import { request } from '../api/request.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs } from '../parts/copy.tsx';
import { Empty } from '../parts/feedback.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Read } from '../parts/query-state.tsx';
import { numbers, Table } from '../parts/table.tsx';
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
      <PageHead title="Executors">
        <CopyAs curl={curlOf('/admin/executors')} />
      </PageHead>
      <section className="panel">
        <Read query={executors}>
          {(list) =>
            list.length === 0 ? (
              <Empty title="No executor lives." command={errandOf('dev')}>
                Jobs wait until one does.
              </Empty>
            ) : (
              <Table
                label="Executors"
                columns={['Executor', 'Action', numbers('Running'), numbers('Slots'), 'Version', 'Since']}
              >
                {list.flatMap((executor) =>
                  executor.contracts.map((contract, index) => (
                    <tr key={`${executor.executor_id} ${contract.contract_id}`}>
                      <td className="mono">{index === 0 ? executor.executor_id : ''}</td>
                      <td>{contract.action}</td>
                      <td className="num">{contract.running}</td>
                      <td className="num">{contract.slots}</td>
                      <td className="mono dim">{index === 0 ? executor.version : ''}</td>
                      <td className="dim nowrap">{index === 0 ? <Ago at={executor.started_at} /> : ''}</td>
                    </tr>
                  )),
                )}
              </Table>
            )
          }
        </Read>
      </section>
    </>
  );
}
