import type { ClockChange, SchedulePreview } from '../api/answers.ts';
import { Table } from '../parts/table.tsx';
import { Ago } from '../parts/time.tsx';
import { offsetOf, zonedDayTime, zonedTime } from './ticks.ts';

interface ListProps {
  readonly preview: SchedulePreview;
  /** Whose clocks the times are shown by. */
  readonly zone: string;
}

/** The next ticks, and those of days on which the clocks are changed. */
export function TickList({ preview: { ticks, clock_changes: changes }, zone }: ListProps) {
  return (
    <>
      <Table label="Next ticks" columns={[`Next ticks, ${zone}`, 'In']}>
        {ticks.map((at) => (
          <tr key={at}>
            <td className="nowrap">{zonedDayTime(at, zone)}</td>
            <td className="dim nowrap">
              <Ago at={at} />
            </td>
          </tr>
        ))}
      </Table>
      {changes.length === 0 ? null : <Changes changes={changes} zone={zone} />}
    </>
  );
}

function Changes({ changes, zone }: { changes: readonly ClockChange[]; zone: string }) {
  return (
    <Table label="Clock changes" columns={['Clocks change', 'Offset', 'Ticks of that day']}>
      {changes.map((change) => (
        <tr key={change.at}>
          <td className="nowrap">{zonedDayTime(change.at, zone)}</td>
          <td className="nowrap">
            {offsetOf(change.minutes_ahead_before)} to {offsetOf(change.minutes_ahead_after)}
          </td>
          <td>{change.ticks.map((at) => zonedTime(at, zone)).join(', ') || 'none'}</td>
        </tr>
      ))}
    </Table>
  );
}
