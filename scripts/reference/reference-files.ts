import { renderCliReference } from './cli-reference.ts';
import { renderConfigurationReference } from './configuration-reference.ts';
import { renderEnvExample } from './env-example.ts';
import { renderErrorsReference } from './errors-reference.ts';
import { renderMetricsReference } from './metrics-reference.ts';
import { renderSecurityReference } from './security-reference.ts';

/** Path from the project's folder, and text, of every generated file. */
export function referenceFiles(): { path: string; text: string }[] {
  return [
    { path: '.env.example', text: renderEnvExample() },
    { path: 'docs/reference/configuration.md', text: renderConfigurationReference() },
    { path: 'docs/reference/errors.md', text: renderErrorsReference() },
    { path: 'docs/reference/metrics.md', text: renderMetricsReference() },
    { path: 'docs/reference/cli.md', text: renderCliReference() },
    { path: 'docs/security.md', text: renderSecurityReference() },
  ];
}
