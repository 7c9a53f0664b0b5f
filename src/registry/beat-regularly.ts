export type Beating = {
  everyMs: number;
  beat: () => Promise<void>;
  /** Told of each beat that was not written. */
  onError: (error: unknown) => void;
};

/**
 * Beats again and again, one at a time: where something holds a beat up, those after it would only take
 * connections of the registry from everybody else.
 * @returns what ends it.
 */
export function beatRegularly({ everyMs, beat, onError }: Beating): () => void {
  let isBeating = false;
  const timer = setInterval(() => {
    if (isBeating) return;
    isBeating = true;
    void beat()
      .catch(onError)
      .finally(() => {
        isBeating = false;
      });
  }, everyMs);
  return () => clearInterval(timer);
}
