/**
 * Runs one effect that has a name. Where the processes are assembled it only runs it; tests hand in one that
 * kills, fails or hangs before or after the effect, or loses its answer.
 */
export type Around = <Result>(point: string, effect: () => Promise<Result>) => Promise<Result>;

export const plainly: Around = (_point, effect) => effect();
