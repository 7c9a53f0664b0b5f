import type { AppError } from '../../src/errors/app-error.ts';
import { requestErrors } from '../../src/errors/request-errors.ts';
import { serverErrors } from '../../src/errors/server-errors.ts';
import { systemErrors } from '../../src/errors/system-errors.ts';
import { tenantErrors } from '../../src/errors/tenant-errors.ts';
import { code, escapeText, generatedNote, markdownTable } from './markdown.ts';

const introduction = `# Errors

${generatedNote('src/errors')}

Every error of the API is a problem document (\`application/problem+json\`, RFC 9457). Its \`code\` is stable: programs may rely on it. Its \`type\` is a link that ends with \`#code\`, as do the entries below. \`/api/data\` answers in PostgREST's shape instead.

\`\`\`json
{
  "type": "https://tenants.example.com/docs/errors#slug_taken",
  "title": "Slug taken",
  "status": 409,
  "detail": "The slug \\"acme\\" belongs to another organization.",
  "instance": "/api/auth/register-organization",
  "success": false,
  "code": "slug_taken",
  "request_id": "0199a0aa-6c1f-7000-8000-2f6f3d1f9a10"
}
\`\`\`

\`request_id\` finds the request in the log. \`errors\` lists wrong fields, each with \`path\` and \`message\`. Every answer with 429 or 503 has a \`Retry-After\` header.

**Try again?**
- *soon*: it passes by itself; wait as long as \`Retry-After\` says, then send the same request.
- *later*: an operator has to mend something first.
- *never*: the same request will not succeed; change it.
`;

const sections = [
  { title: 'What the request did', text: '', factories: requestErrors },
  { title: 'The state of the tenant', text: '', factories: tenantErrors },
  { title: 'Database servers', text: '', factories: serverErrors },
  {
    title: 'The installation',
    text: 'What is wrong with the installation is told to operators: in the log, by the health checks and at the start of a process. Callers of the API learn of a 500 as `internal_error` only, of a 503 its title.\n\n',
    factories: systemErrors,
  },
];

export function renderErrorsReference(): string {
  const rendered = sections.map(({ title, text, factories }) => {
    const rows = Object.values(factories).map((factory) => row(sampleOf(factory)));
    const table = markdownTable(['Code', 'Status', 'Title', 'Detail', 'Try again?'], rows);
    return `## ${title}\n\n${text}${table}\n`;
  });
  return [introduction, ...rendered].join('\n');
}

function row(error: AppError): string[] {
  const { code: name, status, title, retry, retryAfterSeconds: seconds } = error.definition;
  const advice = seconds === undefined ? retry : `${retry}, after ${seconds} s`;
  return [`<a id="${name}"></a>${code(name)}`, String(status), title, escapeText(error.message), advice];
}

/** The error with an ellipsis for everything that depends on the case. */
function sampleOf(factory: object): AppError {
  if (factory === requestErrors.invalidRequest) {
    return requestErrors.invalidRequest([{ path: '…', message: '…' }]);
  }
  return (factory as (...parts: string[]) => AppError)('…', '…', '…', '…');
}
