import { counter, fleetGauge, fleetHistogram, gauge, histogram } from './define-metric.ts';

const answerTimes = histogram([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25]);
const queryTimes = histogram([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 15]);
const waits = histogram([0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]);
const works = histogram([0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 60, 180, 600]);
const ratios = fleetHistogram([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]);

/**
 * Every metric. No label has values that callers choose: routes are templates, codes and reasons are those of the
 * catalogues. Beside these there are `process_*` and `nodejs_*` of prom-client.
 */
export const metricCatalogue = {
  activeTenants: fleetGauge('active_tenants', 'Tenants that are active.', ['plan']),
  tenants: fleetGauge('tenants', 'Tenants by state, tombstones included.', ['status', 'region']),
  activeUsers: fleetGauge('active_users', 'People who logged in within the last 24 hours.'),
  seatUtilization: ratios(
    'seat_utilization',
    'Members of a tenant as a part of the seats of its plan, over active tenants whose plan has a limit.',
    ['plan'],
  ),
  tenantCreated: counter('tenant_created_total', 'Tenants that became usable for the first time.', ['plan']),
  tenantDeleted: counter('tenant_deleted_total', 'Tenants whose database and roles were purged.', ['plan']),

  apiRequests: counter(
    'api_requests_total',
    'Answered requests. Where nothing is at the address, the route is "unknown"; 499 is a caller who went away.',
    ['method', 'route', 'status'],
  ),
  apiErrors: counter('api_errors_total', 'Requests that ended with an error, by its code.', [
    'route',
    'code',
  ]),
  apiResponseTime: answerTimes(
    'api_response_time_seconds',
    'From the arrival of a request to the end of its answer.',
    ['method', 'route'],
  ),

  databaseQueryTime: queryTimes(
    'database_query_time_seconds',
    'From the sending of a statement to its result, in the registry or in tenants’ databases.',
    ['target'],
  ),
  databaseConnections: gauge(
    'database_connections_total',
    'Open connections of this process: leased to somebody, or idle.',
    ['target', 'state'],
  ),
  connectionBudget: fleetGauge(
    'connection_budget',
    'Connections to tenants’ databases that a server may have, over all processes.',
    ['server'],
  ),
  leaseWait: waits(
    'lease_wait_seconds',
    'From asking for a tenant’s connection to having it, or to giving up.',
    ['outcome'],
  ),
  leasesWaiting: gauge('leases_waiting', 'Requests of this process that wait for a tenant’s connection.'),
  poolEvictions: counter(
    'pool_evictions_total',
    'Open connections that were closed for a poorer tenant (fair_share) or for another process (budget).',
    ['reason'],
  ),
  cacheRequests: counter('cache_requests_total', 'Look-ups in a cache: hit or miss.', ['cache', 'result']),
  cacheHitRate: gauge('cache_hit_rate', 'Hits as a part of all look-ups of the last 5 minutes.', ['cache']),

  provisioningDuration: works(
    'provisioning_duration_seconds',
    'From the acceptance of a tenant to the end of its provisioning, by how its database was made.',
    ['way', 'outcome'],
  ),
  provisioningStep: works('provisioning_step_seconds', 'Each attempt at a step of provisioning or purging.', [
    'step',
    'outcome',
  ]),
  warmDatabases: fleetGauge('warm_databases', 'Finished databases that wait for a tenant.', [
    'server',
    'template',
  ]),
  queueJobs: fleetGauge('queue_jobs', 'Jobs that the queue holds.', ['queue', 'state']),
  queueOldestJobAge: fleetGauge(
    'queue_oldest_job_age_seconds',
    'For how long the oldest due work has been waiting for a worker, by the registry.',
    ['queue'],
  ),
  outboxPending: fleetGauge('outbox_pending', 'Rows of the outbox that are not delivered.', ['kind']),
  outboxOldestAge: fleetGauge('outbox_oldest_age_seconds', 'Age of the oldest of them.', ['kind']),
  reconcileFindings: fleetGauge(
    'reconcile_findings',
    'Things in which the registry and the servers do not agree; told by the worker that compares.',
    ['kind'],
  ),

  loginFailures: counter('login_failures_total', 'Refused logins, by the code of the error.', ['reason']),
  rateLimited: counter('rate_limited_total', 'Requests that a limit refused, by the limit.', ['reason']),

  hostCpu: gauge('host_cpu_ratio', 'Busy part of all processors since the scrape before.'),
  hostMemory: gauge('host_memory_ratio', 'Part of the memory that is not available.'),
  diskFree: gauge('disk_free_ratio', 'Free part of the file system.', ['mount']),
  buildInfo: gauge('build_info', 'Always 1; its labels say what runs.', ['version', 'node', 'role']),
  metricsReadErrors: counter(
    'metrics_read_errors_total',
    'Readings that failed, so that their metrics were left out of a scrape.',
    ['source'],
  ),
} as const;

export type MetricKey = keyof typeof metricCatalogue;
