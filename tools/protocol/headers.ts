/** NATS headers that the protocol uses, and its own ones, by purpose. */
export const HEADERS = {
  guardSequence: 'Nats-Expected-Last-Subject-Sequence',
  guardSubject: 'Nats-Expected-Last-Subject-Sequence-Subject',
  messageId: 'Nats-Msg-Id',
  rollup: 'Nats-Rollup',
  parkedFor: 'Errand-Consumer',
  parkedSubject: 'Errand-Subject',
  parkedVersion: 'Errand-Version',
  parkedReason: 'Errand-Reason',
} as const;
