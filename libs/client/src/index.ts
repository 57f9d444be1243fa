export { type VerifiedWebhook, verifyWebhook, type WebhookHeaders } from './verify-webhook.ts';
export type { EndpointNews, EndpointTest, JobEnded, WebhookEvent } from './webhook-event.ts';
