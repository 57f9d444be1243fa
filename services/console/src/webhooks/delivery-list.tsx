import { Link } from '@tanstack/react-router';
import type { Delivery } from '../api/answers.ts';
import { errandOf } from '../parts/commands.ts';
import { Empty, Failure } from '../parts/feedback.tsx';
import { useRights } from '../parts/rights.tsx';
import { DeliveryMark } from '../parts/status.tsx';
import { numbers, Table } from '../parts/table.tsx';
import { Ago } from '../parts/time.tsx';

interface ListProps {
  readonly tenant: string;
  readonly deliveries: readonly Delivery[];
  readonly error?: unknown;
  /** Said of none. */
  readonly empty: string;
}

export function DeliveryList({ tenant, deliveries, error, empty }: ListProps) {
  const { isCustomer } = useRights();
  if (error) return <Failure error={error} />;
  if (deliveries.length === 0)
    return (
      <Empty title={empty} command={errandOf('webhooks', 'create', '--url', 'https://example.org/hooks')} />
    );
  return (
    <Table
      label="Deliveries"
      columns={['Status', 'Delivery', 'To', 'Job', numbers('Tries'), 'Next', 'Event']}
    >
      {deliveries.map((delivery) => (
        <tr key={delivery.delivery_id}>
          <td>
            <DeliveryMark status={delivery.status} />
          </td>
          <td className="nowrap">
            {isCustomer ? (
              delivery.type
            ) : (
              <Link
                data-row
                to="/t/$tenant/deliveries/$deliveryId"
                params={{ tenant, deliveryId: delivery.delivery_id }}
              >
                {delivery.type}
              </Link>
            )}
          </td>
          <td className="clip mono" dir="auto">
            {delivery.url ?? delivery.endpoint_id}
          </td>
          <td className="mono">
            {delivery.job_id === null ? (
              '–'
            ) : (
              <Link to="/t/$tenant/jobs/$jobId" params={{ tenant, jobId: delivery.job_id }}>
                {delivery.job_id.slice(0, 8)}…
              </Link>
            )}
          </td>
          <td className="num">{delivery.attempts}</td>
          <td className="dim nowrap">
            <Ago at={delivery.next_attempt_at} />
          </td>
          <td className="dim nowrap">
            <Ago at={delivery.created_at} />
          </td>
        </tr>
      ))}
    </Table>
  );
}
