import type { Bus } from '@errand/bus';
import type { Handler } from '../http/authenticate.ts';
import { Refusal } from '../http/problem.ts';
import { answer } from '../http/respond.ts';

export interface RebuildDeps {
  readonly bus: { readonly commands: Pick<Bus['commands'], 'askProjection'> };
}

const JOB_SUMMARY = { projection: 'job_summary' } as const;

/** POST /admin/projections/job_summary/rebuild: 202 once it is noted down; it outlives every process. */
export function startRebuild({ bus }: RebuildDeps): Handler {
  return async (c) => {
    const asked = await bus.commands.askProjection('rebuild', JOB_SUMMARY);
    if (asked.kind === 'running') throw new Refusal('rebuild_running');
    const location = '/admin/projections/job_summary/rebuild';
    return answer(c, { status: 202, body: asked.progress, headers: { location } });
  };
}

/** GET /admin/projections/job_summary/rebuild: how the latest one stands. */
export function getRebuild({ bus }: RebuildDeps): Handler {
  return async (c) => {
    const asked = await bus.commands.askProjection('rebuild_status', JOB_SUMMARY);
    if (asked.kind === 'none') throw new Refusal('unknown_rebuild');
    return answer(c, { status: 200, body: asked.progress });
  };
}

/** POST /admin/projections/job_summary/rebuild/cancel: the table in use stays as it is. */
export function cancelRebuild({ bus }: RebuildDeps): Handler {
  return async (c) => {
    const asked = await bus.commands.askProjection('cancel_rebuild', JOB_SUMMARY);
    if (asked.kind === 'none') throw new Refusal('no_rebuild_running');
    return answer(c, { status: 200, body: asked.progress });
  };
}
