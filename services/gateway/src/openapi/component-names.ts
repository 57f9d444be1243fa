/** A name such as `PdfOfDesign` of `pdf_of_design`, which generators make types and functions of. */
export function pascalCase(name: string): string {
  return name.replaceAll(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** Names of the document's own schemas, in the order in which it has them. */
export const COMPONENT_NAMES = [
  'JobOptions',
  'ResultLink',
  'Tenant',
  'TenantRequest',
  'TenantDeletion',
  'RebuildProgress',
  'VerifyReport',
  'DeadLetter',
  'ApiKeyRequest',
  'ApiKeyRotation',
  'ApiKey',
  'ChildTokenRequest',
  'ChildToken',
  'WebhookEndpoint',
  'WebhookHealth',
  'WebhookChange',
  'WebhookRequest',
  'SecretRotation',
  'WebhookEndpointWithSecret',
  'WebhookEndpointWithHealth',
  'JobWebhookSigner',
  'Delivery',
  'DeliveryAttempt',
  'Replay',
  'ReplayStarted',
  'ReplayRequest',
  'WebhookTest',
  'RunAccepted',
  'JobSummary',
  'BatchAnswer',
  'CancelRequest',
  'DryRun',
  'Action',
  'JobEvent',
  'JobEnding',
  'RetryRequest',
  'Problem',
  'JobEndedMessage',
  'EndpointNewsMessage',
  'EndpointTestMessage',
] as const;
export type ComponentName = (typeof COMPONENT_NAMES)[number];
