import type { Section } from './result.ts';

export type BenchOptions = {
  /** Checks the answers with next to no load; its times say nothing. */
  isSmall: boolean;
  /** Rounds in which every way has its turn; seven at least, for the times to say something. */
  rounds: number;
  /** Of P1: the numbers of tables. */
  sizes: readonly number[];
  say: (line: string) => void;
};

export const smallOptions = { isSmall: true, rounds: 1, sizes: [10] } as const;

export type Benchmark = {
  id: string;
  title: string;
  /** What it compares, and how; stands above the tables. */
  about: string;
  run: (options: BenchOptions) => Promise<Section[]>;
};
