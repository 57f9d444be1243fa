import { NodeTransport } from '@nats-io/transport-node/lib/node_transport.js';

/**
 * Writes to the socket once per turn of the event loop. The client by itself writes once per microtask, which is a system
 * call, and a wake-up of the server, for almost every message of a busy process.
 */
export class GatheringTransport extends NodeTransport {
  #isGathering = false;

  override send(frame: Uint8Array): void {
    if (!this.#isGathering) {
      this.#isGathering = true;
      const { socket } = this;
      socket?.cork();
      setImmediate(() => {
        this.#isGathering = false;
        socket?.uncork();
      });
    }
    super.send(frame);
  }
}
