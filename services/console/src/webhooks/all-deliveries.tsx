import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import type { DeliveryPage } from '../api/answers.ts';
import { pathTo, queryOf, request } from '../api/request.ts';
import { curlOf, errandOf } from '../parts/commands.ts';
import { CopyAs } from '../parts/copy.tsx';
import { More } from '../parts/more.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Read } from '../parts/query-state.tsx';
import { DeliveryList } from './delivery-list.tsx';

const EVERY_MS = 3_000;
const STATUSES = ['pending', 'delivered', 'failed', 'expired', 'canceled'];

/** What was told to whom, over all endpoints. */
export function AllDeliveries() {
  const { tenant } = useParams({ from: '/t/$tenant/deliveries' });
  const { status: wanted } = useSearch({ from: '/t/$tenant/deliveries' });
  const navigate = useNavigate();
  const status = STATUSES.find((each) => each === wanted);
  const path = pathTo`/v2/tenants/${tenant}/deliveries`;
  const deliveries = useInfiniteQuery({
    queryKey: ['deliveries', tenant, status],
    queryFn: ({ pageParam }) =>
      request<DeliveryPage>(`${path}${queryOf({ limit: 50, status, cursor: pageParam })}`),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    refetchInterval: EVERY_MS,
  });
  return (
    <>
      <PageHead title="Deliveries" about="To all endpoints, newest first">
        <CopyAs
          curl={curlOf(`${path}${queryOf({ status })}`)}
          errand={errandOf('webhooks', 'deliveries', ...(status === undefined ? [] : ['--status', status]))}
        />
      </PageHead>
      <div className="row">
        <label htmlFor="delivery-status">Status</label>
        <select
          id="delivery-status"
          value={status ?? ''}
          onChange={(event) => {
            const { value } = event.currentTarget;
            const search = value === '' ? {} : { status: value };
            void navigate({ to: '/t/$tenant/deliveries', params: { tenant }, search });
          }}
        >
          <option value="">any</option>
          {STATUSES.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      </div>
      <section className="panel">
        <Read query={deliveries}>
          {({ pages }) => (
            <DeliveryList
              tenant={tenant}
              deliveries={pages.flatMap((page) => page.deliveries)}
              empty={
                deliveries.hasNextPage ? 'None among the newest that were looked through.' : 'No deliveries.'
              }
            />
          )}
        </Read>
      </section>
      <More list={deliveries} />
    </>
  );
}
