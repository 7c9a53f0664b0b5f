// Run as a process of its own by tests that kill it: starts the server, says so in one line, and waits.
import { startEmbedded } from '../../src/embedded/start-embedded.ts';
import type { AppError } from '../../src/errors/app-error.ts';

const [dataDir = '', samplePath = ''] = process.argv.slice(2);
const log = { info: () => undefined, warn: () => undefined };

try {
  const { environment, stop } = await startEmbedded({ dataDir, samplePath, log });
  process.once('SIGTERM', () => void stop().then(() => process.exit(0)));
  process.stdout.write(`${JSON.stringify({ environment })}\n`);
  setInterval(() => undefined, 60_000);
} catch (error) {
  const { code, message } = error as AppError;
  process.stdout.write(`${JSON.stringify({ code, error: message })}\n`);
}
