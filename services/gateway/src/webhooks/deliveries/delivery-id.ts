import { EventId } from '@errand/contracts';

/** A delivery is one event for one endpoint. */
export interface DeliveryKey {
  readonly eventId: string;
  readonly endpointId: string;
}

/** An endpoint of a tenant's own, or the receiver that a job's own webhook names. */
const RECEIVER_ID = /^wh[ej]_[0-9A-Za-z_-]{1,64}$/;

export function isReceiverId(id: string): boolean {
  return RECEIVER_ID.test(id);
}

export function deliveryIdOf({ eventId, endpointId }: DeliveryKey): string {
  return `${eventId}.${endpointId}`;
}

/** Undefined for what is not the id of any delivery. */
export function parseDeliveryId(id: string): DeliveryKey | undefined {
  const [eventId = '', endpointId = '', ...rest] = id.split('.');
  const fits = rest.length === 0 && EventId.safeParse(eventId).success && isReceiverId(endpointId);
  return fits ? { eventId, endpointId } : undefined;
}
