/** `npm test` takes minutes; `npm run test:full` repeats as often as the requirements say. */
export const isFullRun = process.env.TEST_SCALE === 'full';
