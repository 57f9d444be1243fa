import { z } from 'zod';
import { named } from '../../openapi/schemas.ts';
import { HealthView } from './endpoint-health.ts';
import { EndpointView } from './secrets/endpoint-secrets.ts';

/* What the document says of answers with more than the endpoint itself. */

export const signingSecret = z.string().meta({ description: 'In this answer and in no later one.' });

export const EndpointWithSecret = named(
  'WebhookEndpointWithSecret',
  EndpointView.extend({ signing_secret: signingSecret }),
);

export const EndpointWithHealth = named(
  'WebhookEndpointWithHealth',
  EndpointView.extend({ health: HealthView.nullable() }),
);
