import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

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

/** Closed-loop clients in a process of their own: each asks again as soon as it has its answer. */
export async function applyLoad(load: Load): Promise<LoadReport> {
  const script = join(import.meta.dirname, 'load-clients.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', script], {
    env: { PATH: process.env.PATH ?? '' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  child.stdin.end(JSON.stringify(load));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`The load ended with ${code}.`);
  return JSON.parse(said) as LoadReport;
}
