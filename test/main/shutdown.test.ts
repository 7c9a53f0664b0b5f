import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { createShutdown } from '../../src/main/shutdown.ts';
import { failOnLeaks } from '../support/leaks.ts';

failOnLeaks();

function bench(withinMs?: number) {
  const lines: { level: number; msg: string; phase?: string; took_ms?: number }[] = [];
  const log = pino({ level: 'info' }, { write: (line) => lines.push(JSON.parse(line)) });
  const shutdown = createShutdown(log, withinMs);
  const stopped: string[] = [];
  const stop = (name: string) => async () => {
    await delay(5);
    stopped.push(name);
  };
  const warnings = () => lines.filter(({ level }) => level >= 40).map(({ phase, msg }) => `${phase}: ${msg}`);
  return { shutdown, stopped, stop, warnings, lines };
}

const never = () => new Promise<void>(() => undefined);

describe('stopping', () => {
  it('stops the last one started first, once, and what the others stand on last', async () => {
    const { shutdown, stopped, stop, warnings } = bench();
    shutdown.onStop('one', 1_000, stop('one'));
    shutdown.onStopAtLast('ground', 1_000, stop('ground'));
    shutdown.onStop('two', 1_000, stop('two'));
    await Promise.all([shutdown.stop(), shutdown.stop()]);
    await shutdown.stop();
    expect(stopped).toEqual(['two', 'one', 'ground']);
    expect(warnings()).toEqual([]);
  });

  it('says of each phase how long it took, in the order in which they stop', async () => {
    const { shutdown, lines } = bench();
    shutdown.onStopAtLast('ground', 1_000, async () => undefined);
    shutdown.onStop('quick', 1_000, async () => undefined);
    shutdown.onStop('slow', 1_000, () => delay(60));
    await shutdown.stop();
    expect(lines.map(({ msg, phase }) => [msg, phase])).toEqual([
      ['Stopped', 'slow'],
      ['Stopped', 'quick'],
      ['Stopped', 'ground'],
      ['Everything has stopped', undefined],
    ]);
    const took = lines.map(({ took_ms: ms }) => ms ?? Number.NaN);
    expect(took[0]).toBeGreaterThanOrEqual(55);
    expect(took[3]).toBeGreaterThanOrEqual(took[0] ?? 0);
  });

  it('goes on when a part fails, or throws at once, or takes too long', async () => {
    const { shutdown, stopped, stop, warnings } = bench();
    shutdown.onStop('last', 1_000, stop('last'));
    shutdown.onStop('slow', 10, never);
    shutdown.onStop('rejects', 1_000, () => Promise.reject(new Error('it failed')));
    shutdown.onStop('throws', 1_000, () => {
      throw new Error('it failed at once');
    });
    await shutdown.stop();
    expect(stopped).toEqual(['last']);
    expect(warnings()).toEqual([
      'throws: Did not stop well',
      'rejects: Did not stop well',
      'slow: Did not stop in time',
    ]);
  });

  it('keeps the time of what the others stand on, whatever they would take', async () => {
    const { shutdown, stopped, stop, warnings } = bench(3_000);
    shutdown.onStopAtLast('ground', 2_900, async () => {
      await delay(200);
      stopped.push('ground');
    });
    for (const name of ['a', 'b', 'c']) {
      shutdown.onStop(name, 60_000, async () => {
        stopped.push(`${name} was asked`);
        await never();
      });
    }
    shutdown.onStop('first', 1_000, stop('first'));
    await shutdown.stop();
    expect(stopped).toEqual(['first', 'c was asked', 'b was asked', 'a was asked', 'ground']);
    expect(warnings()).toHaveLength(3);
  });
});

describe('what is started while stopping', () => {
  it('is stopped at once, is told so, and is waited for', async () => {
    const { shutdown, stopped, stop } = bench();
    let goOn: (() => void) | undefined;
    const gate = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    shutdown.onStopAtLast('ground', 1_000, stop('ground'));
    const start = gate.then(() => {
      shutdown.onStop('late', 1_000, stop('late'));
      stopped.push('the start went on');
    });
    shutdown.waitForStart(start);
    const ending = shutdown.stop();
    expect(shutdown.isStopping()).toBe(true);
    goOn?.();
    await ending;
    expect(stopped).toEqual(['late', 'ground']);
    await expect(start).rejects.toThrow('late was stopped again');
  });

  it('does not hold up the end for longer than there is time', async () => {
    const { shutdown, stopped, stop } = bench(300);
    shutdown.waitForStart(never());
    shutdown.onStopAtLast('ground', 200, stop('ground'));
    await shutdown.stop();
    expect(stopped).toEqual(['ground']);
  });

  it('is not started where others would stand on it', async () => {
    const { shutdown, stop } = bench();
    await shutdown.stop();
    expect(() => shutdown.onStopAtLast('ground', 1_000, stop('ground'))).toThrow('ground is not started');
  });
});
