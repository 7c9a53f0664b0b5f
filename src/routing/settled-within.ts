/** Whether the promise is settled, well or badly, before the time is over. Never throws. */
export async function isSettledWithin(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  const settled = promise.then(
    () => true,
    () => true,
  );
  return Promise.race([settled, tooLong]).finally(() => clearTimeout(timer));
}
