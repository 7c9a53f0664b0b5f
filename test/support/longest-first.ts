import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Where the files are that take longest; the rest fills the gaps at the end of a run. */
const long = [
  'test/majors/',
  'test/faults/',
  'test/hostile/sealing',
  'test/databases/fidelity/',
  'test/queue/killed-worker',
  'test/bench/',
  'test/e2e/',
  'test/provisioning/',
];

/** A run without a cache knows no durations: a long file that comes last would keep one processor waiting. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const usual = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification) => {
      const path = relative(this.ctx.config.root, moduleId).replaceAll('\\', '/');
      const place = long.findIndex((start) => path.startsWith(start));
      return place === -1 ? long.length : place;
    };
    return usual.toSorted((a, b) => orderOf(a) - orderOf(b) || rank(a) - rank(b));
  }
}

const orderOf = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;
