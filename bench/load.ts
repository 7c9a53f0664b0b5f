import { createKeepAliveClient } from '../test/support/keep-alive-client.ts';
import { createSeededRandom } from '../test/support/seeded-random.ts';
import { quantile } from './statistics.ts';

export type Load = {
  origin: string;
  path: string;
  /** Each with what the answer must be. */
  tenants: readonly { token: string; expected: string }[];
  clients: number;
  forMs: number;
  /** How tenants are chosen: all alike, or by Zipf's law with this exponent. */
  zipf?: number;
  seed: number;
};

export type LoadReport = {
  perSecond: number;
  p50: number;
  p99: number;
  served: number;
  /** One sentence for each kind of wrong answer, and how often. */
  faults: Record<string, number>;
};

/** By Zipf's law the k-th tenant is asked for as often as 1 / k^s says. */
function chooser({ tenants, zipf, seed }: Load): () => number {
  const random = createSeededRandom(seed);
  if (zipf === undefined) return () => random.below(tenants.length);
  const sums: number[] = [];
  let sum = 0;
  for (let rank = 1; rank <= tenants.length; rank += 1) {
    sum += 1 / rank ** zipf;
    sums.push(sum);
  }
  return () => {
    const at = (random.below(1_000_000) / 1_000_000) * sum;
    const index = sums.findIndex((each) => each >= at);
    return index < 0 ? tenants.length - 1 : index;
  };
}

/** Of some ways to serve many tenants there are requests that are never answered. */
const patienceMs = 3_000;

function outOfPatience(): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`no answer within ${patienceMs} ms`)), patienceMs).unref();
  });
}

/**
 * Closed-loop clients: each asks again as soon as it has its answer. In this process, which has nothing else to do
 * meanwhile: one that is started for each trial would spend the first second on compiling itself.
 */
export async function applyLoad(load: Load): Promise<LoadReport> {
  const client = createKeepAliveClient(load.origin);
  const choose = chooser(load);
  const times: number[] = [];
  const faults: Record<string, number> = {};

  async function ask(): Promise<void> {
    const tenant = load.tenants[choose()];
    if (tenant === undefined) throw new Error('There is no such tenant.');
    const begun = performance.now();
    const answer = await Promise.race([
      client.get(load.path, { authorization: `Bearer ${tenant.token}` }),
      outOfPatience(),
    ]).catch((error: Error) => ({ status: 0, text: error.message }));
    if (answer.status === 200 && answer.text === tenant.expected) {
      times.push(performance.now() - begun);
      return;
    }
    const fault =
      answer.status === 200 ? 'the rows of another' : `${answer.status} ${answer.text.slice(0, 80)}`;
    faults[fault] = (faults[fault] ?? 0) + 1;
  }

  const begin = performance.now();
  const end = begin + load.forMs;
  await Promise.all(
    Array.from({ length: load.clients }, async () => {
      while (performance.now() < end) await ask();
    }),
  );
  const seconds = (performance.now() - begin) / 1_000;
  client.close();
  return {
    perSecond: times.length / seconds,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    served: times.length,
    faults,
  };
}
