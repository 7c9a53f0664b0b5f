import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export type ProbeReport = { times: number[]; faults: string[] };

/** Asks at a fixed rate, from a process of its own, how long one tenant waits for an answer; until `stop`. */
export function startProbe(target: { url: string; token: string; everyMs: number }) {
  const script = join(import.meta.dirname, 'latency-probe.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', script, target.url, String(target.everyMs)], {
    env: { PATH: process.env.PATH ?? '', PROBE_TOKEN: target.token },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = once(child, 'close');
  return {
    async stop(): Promise<ProbeReport> {
      child.stdin.end();
      const [code] = await ended;
      if (code !== 0) throw new Error(`The probe ended with ${code}.`);
      return JSON.parse(said) as ProbeReport;
    },
  };
}
