import { InputError, JobId, RunAccepted } from '@errand/contracts';
import { z } from 'zod';
import { createErrorRoom } from '../../http/error-room.ts';
import type { Ctx } from '../../http/request-log.ts';
import { answer } from '../../http/respond.ts';
import { named } from '../../openapi/schemas.ts';
import { type AcceptedJob, jobLinks } from '../run-answers.ts';
import type { BatchJobs } from './accept-batch.ts';
import { type BatchItem, errorsByItem } from './batch-order.ts';

const ItemAnswer = z.union([
  z.object({
    index: z.int().min(0),
    job_id: JobId,
    version: z.int(),
    links: RunAccepted.shape.links,
  }),
  z.object({
    index: z.int().min(0),
    errors: z.array(InputError).meta({
      description:
        'Empty where the answer has no more room, and for a batch that was sent again where nothing is wrong any more.',
    }),
  }),
]);
type ItemAnswer = z.infer<typeof ItemAnswer>;

/** What became of each item of a batch. */
export const BatchAnswer = named(
  'BatchAnswer',
  z.object({
    accepted: z.int(),
    rejected: z.int(),
    items: z.array(ItemAnswer),
    more_errors: z
      .literal(true)
      .optional()
      .meta({ description: 'Whether more is wrong than the answer has room for.' }),
  }),
);

/**
 * Says of each item what became of it. An item that was refused has the errors of today's check, or none where that finds
 * none.
 */
export function answerBatch(
  c: Ctx,
  batch: {
    jobs: BatchJobs;
    items: readonly BatchItem[];
    size: number;
    tenantId: string;
    actionPath: string;
    replayed: boolean;
  },
): Response {
  const { jobs, size, replayed } = batch;
  const room = createErrorRoom();
  const errorsOf = errorsByItem(
    batch.items.filter(({ index }) => !jobs.has(index)),
    room,
  );
  const items = Array.from({ length: size }, (_, index) =>
    itemAnswer(index, { errors: errorsOf.get(index) ?? [], job: jobs.get(index), place: batch }),
  );
  const accepted = jobs.size;
  const cut = room.isShort() ? { more_errors: true } : {};
  return answer(c, {
    status: 202,
    body: { accepted, rejected: size - accepted, items, ...cut },
    headers: replayed ? { 'idempotency-replayed': 'true' } : {},
  });
}

function itemAnswer(
  index: number,
  told: {
    errors: InputError[];
    job: AcceptedJob | undefined;
    place: { tenantId: string; actionPath: string };
  },
): ItemAnswer {
  const { errors, job, place } = told;
  if (!job) return { index, errors };
  const { jobId, version } = job;
  const links = jobLinks({ tenantId: place.tenantId, jobId }, place.actionPath);
  return { index, job_id: jobId, version, links };
}
