interface Connection {
  name?: string;
  subscriptions: number;
  in_msgs: number;
  out_msgs: number;
}

/** What a client has exchanged with the server so far. */
export interface NatsTraffic {
  /** Messages that the client has sent: requests, acks, publishes. */
  sent: number;
  received: number;
  subscriptions: number;
}

/** By name of the client, as the server's monitor reports it. */
export async function natsTraffic(monitorUrl: string): Promise<Map<string, NatsTraffic>> {
  const response = await fetch(`${monitorUrl}/connz?limit=1024`);
  const { connections } = (await response.json()) as { connections: Connection[] };
  return new Map(
    connections.map(({ name = '', subscriptions, in_msgs, out_msgs }) => [
      name,
      { sent: in_msgs, received: out_msgs, subscriptions },
    ]),
  );
}
