import { z } from 'zod';
import { EmptyBody, parseEmptyBody } from '../../../http/body-errors.ts';
import { defineRoute } from '../../../http/define-route.ts';
import { type HttpGroup, readOptionalJsonObject } from '../../../http/read-body.ts';
import { answer } from '../../../http/respond.ts';
import { json, jsonBody } from '../../../openapi/operation.ts';
import type { WebhooksGroup } from '../../webhooks-group.ts';
import { resealSome } from './reseal.ts';

const AT_ONCE = 200;

const Answer = z.object({
  resealed: z.int().min(0).meta({ description: 'Endpoints.' }),
  left: z.int().min(0).meta({ description: 'Endpoints that are still to be done: ask again.' }),
  unreadable: z.array(z.string()).meta({
    description: 'Some of those that no key opens, at most 20, as `<tenant_id>.<endpoint_id>`.',
  }),
});

export const resealSecrets = defineRoute({
  method: 'post',
  path: '/admin/secrets/reseal',
  key: 'admin',
  id: 'resealSecrets',
  tag: 'Administration',
  summary: 'Encrypt webhook secrets with the key of today',
  description:
    'Those that were encrypted with one of ERRAND_OTHER_SECRET_KEYS, of at most 200 endpoints a call. Once none is left, the other keys can go.',
  body: jsonBody(EmptyBody, { required: false }),
  answers: { 200: json('What was done.', Answer) },
  problems: ['log_unavailable'],
  handle:
    ({ http, webhooks }: HttpGroup & WebhooksGroup) =>
    async (c, { actor }) => {
      parseEmptyBody((await readOptionalJsonObject(c, http)).body);
      return answer(c, { status: 200, body: await resealSome(webhooks, { most: AT_ONCE, actor }) });
    },
});
