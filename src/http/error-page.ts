import { errorDefinitions } from '../errors/catalogue.ts';

const advice = {
  soon: 'It may succeed when tried again.',
  later: 'An operator has to mend something first.',
  never: 'It stays wrong until the request is changed.',
} as const;

/** What the `type` of a problem document points at: every error code, with what it means for a retry. */
export function errorPage(): string {
  const rows = [...errorDefinitions]
    .sort((a, b) => a.code.localeCompare(b.code))
    .map(
      ({ code, status, title, retry }) =>
        `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${title}</td><td>${advice[retry]}</td></tr>`,
    );
  return `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Error codes</title>
<style>body{font-family:sans-serif;margin:2rem}td,th{padding:.3rem .8rem;text-align:left}tr:target{background:#ffd}</style>
</head>
<body><h1>Error codes</h1>
<table><tr><th>code</th><th>status</th><th>title</th><th>retry</th></tr>
${rows.join('\n')}
</table></body></html>`;
}
