import { RebuildProgress } from '@errand/contracts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { answer } from '../http/respond.ts';
import { json } from '../openapi/operation.ts';
import { named } from '../openapi/schemas.ts';
import type { AdminGroup } from './admin-group.ts';

named('RebuildProgress', RebuildProgress);

const PATH = '/admin/projections/job_summary/rebuild';
const JOB_SUMMARY = { projection: 'job_summary' } as const;

/** 202 once the rebuild is stored; it survives the end of any process. */
export const startRebuild = defineRoute({
  method: 'post',
  path: PATH,
  key: 'admin',
  id: 'startRebuild',
  tag: 'Administration',
  summary: 'Make the read model again',
  description: 'From the log, while everything goes on.',
  answers: { 202: json('It is noted down.', RebuildProgress, { headers: ['Location'] }) },
  problems: ['rebuild_running', 'log_unavailable'],
  handle:
    ({ admin: { bus } }: AdminGroup) =>
    async (c) => {
      const asked = await bus.commands.askProjection('rebuild', JOB_SUMMARY);
      if (asked.kind === 'running') throw new Refusal('rebuild_running');
      return answer(c, { status: 202, body: asked.progress, headers: { location: PATH } });
    },
});

/** How the latest one stands. */
export const getRebuild = defineRoute({
  method: 'get',
  path: PATH,
  key: 'admin',
  id: 'getRebuild',
  tag: 'Administration',
  summary: 'How the latest rebuild stands',
  description: 'Whether it is under way or over.',
  answers: { 200: json('The rebuild.', RebuildProgress) },
  problems: ['unknown_rebuild', 'log_unavailable'],
  handle:
    ({ admin: { bus } }: AdminGroup) =>
    async (c) => {
      const asked = await bus.commands.askProjection('rebuild_status', JOB_SUMMARY);
      if (asked.kind === 'none') throw new Refusal('unknown_rebuild');
      return answer(c, { status: 200, body: asked.progress });
    },
});

export const cancelRebuild = defineRoute({
  method: 'post',
  path: `${PATH}/cancel`,
  key: 'admin',
  id: 'cancelRebuild',
  tag: 'Administration',
  summary: 'End a rebuild',
  description: 'The table in use stays as it is.',
  answers: { 200: json('The rebuild.', RebuildProgress) },
  problems: ['no_rebuild_running', 'log_unavailable'],
  handle:
    ({ admin: { bus } }: AdminGroup) =>
    async (c) => {
      const asked = await bus.commands.askProjection('cancel_rebuild', JOB_SUMMARY);
      if (asked.kind === 'none') throw new Refusal('no_rebuild_running');
      return answer(c, { status: 200, body: asked.progress });
    },
});
