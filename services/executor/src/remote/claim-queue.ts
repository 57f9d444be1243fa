/** A slot of a worker that a job is on its way to. One of the two is called, once. */
export interface Seat<Offer> {
  give(offer: Offer): void;
  /** The job did not begin: the slot is free again. */
  leave(): void;
}

/**
 * The free slots of an action's remote workers. A worker that has some claims attempts for them and waits; what is not taken
 * when its wait is over is gone.
 */
export interface ClaimQueue<Offer> {
  /** Slots of waiting claims that no job is on its way to. */
  free(): number;
  /** Takes a slot of the claim that has waited the longest; undefined if there is none. */
  reserve(): Seat<Offer> | undefined;
  /**
   * Waits for something to do. Resolves once something was given and nothing else is on its way, or with nothing when the
   * wait is over or the signal fires.
   */
  claim(options: { slots: number; waitMs: number; signal: AbortSignal }): Promise<readonly Offer[]>;
}

interface Claim<Offer> {
  left: number;
  /** Seats that are taken and not decided. */
  coming: number;
  isOver: boolean;
  readonly offers: Offer[];
  settle(): void;
}

/** `onFree` is told when there may be more free slots. */
export function createClaimQueue<Offer>(onFree: () => void): ClaimQueue<Offer> {
  const claims = new Set<Claim<Offer>>();

  function seatOf(claim: Claim<Offer>): Seat<Offer> {
    claim.left--;
    claim.coming++;
    let isDecided = false;
    const decide = (then: () => void) => {
      if (isDecided) return;
      isDecided = true;
      claim.coming--;
      then();
      claim.settle();
    };
    return {
      give: (offer) => decide(() => claim.offers.push(offer)),
      leave: () =>
        decide(() => {
          if (claim.isOver) return;
          claim.left++;
          onFree();
        }),
    };
  }

  return {
    free: () => [...claims].reduce((sum, { left }) => sum + left, 0),
    reserve() {
      for (const claim of claims) if (claim.left > 0) return seatOf(claim);
      return undefined;
    },
    claim({ slots, waitMs, signal }) {
      const { promise, resolve } = Promise.withResolvers<readonly Offer[]>();
      const claim: Claim<Offer> = {
        left: slots,
        coming: 0,
        isOver: false,
        offers: [],
        settle() {
          if (claim.coming > 0 || (claim.offers.length === 0 && !claim.isOver)) return;
          claim.left = 0;
          claims.delete(claim);
          clearTimeout(timer);
          signal.removeEventListener('abort', giveUp);
          resolve(claim.offers);
        },
      };
      const giveUp = () => {
        claim.isOver = true;
        claim.left = 0;
        claim.settle();
      };
      const timer = setTimeout(giveUp, waitMs);
      signal.addEventListener('abort', giveUp, { once: true });
      claims.add(claim);
      if (signal.aborted) giveUp();
      else onFree();
      return promise;
    },
  };
}
