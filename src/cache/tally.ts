/** What was counted under a key since its window began. */
export type Tally = {
  count: number;
  /** Until it begins anew; the whole window where nothing was counted. */
  resetMs: number;
};

/** Counts in windows that begin with the first count and are never prolonged. */
export type Tallies = {
  /** Counts one more. */
  add: (key: string) => Promise<Tally>;
  read: (key: string) => Promise<Tally>;
  /** Takes one count back, of something that turned out not to count. */
  takeBack: (key: string) => Promise<void>;
  clear: (key: string) => Promise<void>;
};
