/** Keeps streams alive: beats for any number of them with one timer, which runs only while there are any. */
export interface StreamBeat {
  /** Returns the way to stop listening. */
  onBeat(beat: () => void): () => void;
}

export function createStreamBeat(everyMs: number): StreamBeat {
  const beats = new Set<() => void>();
  let timer: NodeJS.Timeout | undefined;
  return {
    onBeat(beat) {
      beats.add(beat);
      timer ??= setInterval(() => {
        for (const each of beats) each();
      }, everyMs);
      return () => {
        beats.delete(beat);
        if (beats.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
  };
}
