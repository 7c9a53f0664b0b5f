/** A worker process as `src/main/worker.ts` makes one, but for what is put around its effects. */
import { loadConfig } from '../../../src/config/load-config.ts';
import { assemble } from '../../../src/main/assemble.ts';
import { assemblePlatform } from '../../../src/main/assemble-platform.ts';
import { createShutdown } from '../../../src/main/shutdown.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { faultsAround, type PlantedFault } from './planted-faults.ts';

const log = createLogger({ level: 'info', service: 'worker' });
const { PLANTED_FAULTS = '[]', FAULT_LOG = '', DEADLINE_MS, PAUSE_MS, ...environment } = process.env;
const { config } = loadConfig(environment, 'worker');
const shutdown = createShutdown(log);
const platform = await assemblePlatform({ config, log, shutdown });
const around = faultsAround(JSON.parse(PLANTED_FAULTS) as PlantedFault[], FAULT_LOG);
const deadline = DEADLINE_MS === undefined ? {} : { deadlineMs: Number(DEADLINE_MS) };
const pause = PAUSE_MS === undefined ? {} : { pauseMs: Number(PAUSE_MS) };
const limits = { ...deadline, ...pause };
const plan = { config, log, shutdown, role: 'worker', embedded: undefined, around, ...limits } as const;
await assemble(plan, platform);
log.info('Ready');
process.on('SIGTERM', () => void shutdown.stop().then(() => process.exit(0)));
