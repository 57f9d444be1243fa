import type { Endpoint } from '../api/answers.ts';
import { Mark } from '../parts/status.tsx';

export function HealthMark({ endpoint }: { endpoint: Pick<Endpoint, 'health' | 'enabled'> }) {
  if (!endpoint.enabled) return <Mark tone="idle" icon="off" word="Off" />;
  switch (endpoint.health?.state) {
    case 'active':
      return <Mark tone="ok" icon="ok" word="Active" />;
    case 'failing':
      return <Mark tone="bad" icon="bad" word="Failing" />;
    case 'disabled':
      return <Mark tone="bad" icon="off" word="Disabled" />;
    case 'paused':
      return <Mark tone="idle" icon="off" word="Paused" />;
    default:
      return <Mark tone="idle" icon="idle" word="Unknown" />;
  }
}
