import type { Acted } from './admin-api.ts';
import type { Answer } from './api-answer.ts';
import { printable } from './printable.ts';
import type { Session } from './session.ts';

type Change = {
  /** The tenant as the person named it. */
  key: string;
  answer: Answer<Acted>;
  /** `is suspended`. */
  done: string;
  json: true | undefined;
};

/** Says what was done; the data itself only as JSON. */
export async function reportChange(
  { output }: Session,
  { key, answer, done, json }: Change,
): Promise<undefined> {
  if (json) await output.json(answer.raw);
  const name = printable(answer.value?.slug ?? key);
  await output.say(`${output.messageLook.paint('green', '✓')} ${name} ${done}`);
}
