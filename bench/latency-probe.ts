import { setTimeout as sleep } from 'node:timers/promises';
import type { ProbeReport } from './probe.ts';

// A process of its own: what the burst's sender computes must not be counted as the server's time.
const [url = '', everyMs = '50'] = process.argv.slice(2);
const headers = { authorization: `Bearer ${process.env.PROBE_TOKEN}` };
const report: ProbeReport = { times: [], faults: [] };
const underway = new Set<Promise<void>>();
let isStopped = false;

process.stdin.on('end', () => {
  isStopped = true;
});
process.stdin.resume();

async function ask(): Promise<void> {
  const start = performance.now();
  try {
    const response = await fetch(url, { headers });
    await response.arrayBuffer();
    if (response.status === 200) report.times.push(performance.now() - start);
    else report.faults.push(`it was answered with ${response.status}`);
  } catch (error) {
    report.faults.push(String(error));
  }
}

// At fixed times, whether the one before was answered or not: a slow answer delays no question.
const begin = performance.now();
for (let count = 1; !isStopped; count += 1) {
  const asked = ask();
  underway.add(asked);
  void asked.finally(() => underway.delete(asked));
  await sleep(Math.max(0, begin + count * Number(everyMs) - performance.now()));
}
await Promise.all(underway);
process.stdout.write(JSON.stringify(report));
