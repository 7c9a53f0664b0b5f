/** The answer of `work`, or a rejection when it takes longer. The work itself goes on. */
export async function within<Answer>(limitMs: number, work: Promise<Answer>): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether `work` succeeds in time. */
export async function endsWithin(limitMs: number, work: Promise<unknown>): Promise<boolean> {
  return within(limitMs, work).then(
    () => true,
    () => false,
  );
}
