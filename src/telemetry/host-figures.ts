import { readFile, statfs } from 'node:fs/promises';
import { cpus, freemem, totalmem } from 'node:os';
import type { Figure } from './readings.ts';

/** Reads how busy this machine is; the processors since the reading before. */
export function createHostReader(mounts: readonly string[]) {
  let before = processorTimes();

  return async function readHost(): Promise<Figure[]> {
    const now = processorTimes();
    const elapsed = now.all - before.all;
    const idle = now.idle - before.idle;
    before = now;
    const [memory, ...disks] = await Promise.all([memoryRatio(), ...mounts.map(readDisk)]);
    return [
      // Two scrapes within one tick of the kernel's clock.
      ...(elapsed === 0 ? [] : [{ meter: 'hostCpu' as const, value: 1 - idle / elapsed }]),
      { meter: 'hostMemory', value: memory },
      ...disks,
    ];
  };
}

function processorTimes(): { all: number; idle: number } {
  const times = cpus().map((cpu) => cpu.times);
  const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
  return { all: sum(times.flatMap((each) => Object.values(each))), idle: sum(times.map(({ idle }) => idle)) };
}

/** What Linux calls available can be had at once, caches included; elsewhere only what is free is known. */
async function memoryRatio(): Promise<number> {
  const table = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const available = /^MemAvailable: +(\d+) kB$/m.exec(table)?.[1];
  const free = available === undefined ? freemem() : Number(available) * 1_024;
  return 1 - free / totalmem();
}

async function readDisk(mount: string): Promise<Figure> {
  const { bavail, blocks } = await statfs(mount);
  return { meter: 'diskFree', labels: { mount }, value: blocks === 0 ? 0 : bavail / blocks };
}
