import type { JobStatus } from '@errand/contracts';
import { Icon, type IconName } from './icon.tsx';

export type Tone = 'ok' | 'bad' | 'run' | 'warn' | 'idle';

const JOB: Record<JobStatus, { tone: Tone; icon: IconName; word: string }> = {
  queued: { tone: 'idle', icon: 'idle', word: 'Queued' },
  running: { tone: 'run', icon: 'run', word: 'Running' },
  succeeded: { tone: 'ok', icon: 'ok', word: 'Succeeded' },
  failed: { tone: 'bad', icon: 'bad', word: 'Failed' },
  canceled: { tone: 'idle', icon: 'off', word: 'Canceled' },
  expired: { tone: 'warn', icon: 'warn', word: 'Expired' },
};

export function JobStatusMark({ status, pill = false }: { status: JobStatus; pill?: boolean }) {
  return <Mark {...JOB[status]} pill={pill} />;
}

export function toneOf(status: JobStatus): Tone {
  return JOB[status].tone;
}

const DELIVERY: Record<string, { tone: Tone; icon: IconName; word: string }> = {
  pending: { tone: 'warn', icon: 'warn', word: 'Waiting' },
  delivered: { tone: 'ok', icon: 'ok', word: 'Told' },
  succeeded: { tone: 'ok', icon: 'ok', word: 'Told' },
  failed: { tone: 'bad', icon: 'bad', word: 'Failed' },
  expired: { tone: 'warn', icon: 'warn', word: 'Expired' },
  canceled: { tone: 'idle', icon: 'off', word: 'Canceled' },
};

export function DeliveryMark({ status }: { status: string }) {
  return <Mark {...(DELIVERY[status] ?? { tone: 'idle', icon: 'idle', word: status })} />;
}

/** An icon and a word, never colour alone. */
export function Mark({
  tone,
  icon,
  word,
  pill = false,
}: {
  tone: Tone;
  icon: IconName;
  word: string;
  pill?: boolean;
}) {
  return (
    <span className={`st ${tone}${pill ? ' pill' : ''}`}>
      <Icon name={icon} />
      {word}
    </span>
  );
}
