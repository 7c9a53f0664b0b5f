export type Sample = { labels: Record<string, string>; value: number };

/** A metric of the text that Prometheus reads; `name` of a sample may end with `_bucket`, `_sum` or `_count`. */
export type ExposedMetric = {
  name: string;
  type: string;
  help: string;
  samples: (Sample & { name: string })[];
};

const comment = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.*)$/;
const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)",?/gy;

/** @returns undefined where the text is something else. */
export function parseExposition(text: string): ExposedMetric[] | undefined {
  const metrics: ExposedMetric[] = [];
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const isRead = readComment(line, metrics) || readSample(line, metrics.at(-1));
    if (!isRead) return undefined;
  }
  return metrics;
}

function readComment(line: string, metrics: ExposedMetric[]): boolean {
  const [, keyword, name = '', rest = ''] = comment.exec(line) ?? [];
  if (keyword === undefined) return line.startsWith('# ') && !/^# (HELP|TYPE) /.test(line);
  let metric = metrics.at(-1);
  if (metric?.name !== name) {
    metric = { name, type: 'untyped', help: '', samples: [] };
    metrics.push(metric);
  }
  if (keyword === 'TYPE') metric.type = rest;
  else metric.help = rest.replaceAll(/\\(n|\\)/g, (_, escaped) => (escaped === 'n' ? '\n' : '\\'));
  return true;
}

function readSample(line: string, metric: ExposedMetric | undefined): boolean {
  const [, name = '', labelText = '', number = ''] = sample.exec(line) ?? [];
  const value = readNumber(number);
  const labels = readLabels(labelText);
  if (metric === undefined || value === undefined || labels === undefined) return false;
  metric.samples.push({ name, labels, value });
  return true;
}

function readNumber(text: string): number | undefined {
  const special: Record<string, number> = {
    '+Inf': Number.POSITIVE_INFINITY,
    '-Inf': Number.NEGATIVE_INFINITY,
    Nan: Number.NaN,
    NaN: Number.NaN,
  };
  if (text in special) return special[text];
  const value = Number(text);
  return text === '' || Number.isNaN(value) ? undefined : value;
}

/** @returns undefined where something is left over. */
function readLabels(text: string): Record<string, string> | undefined {
  const labels: Record<string, string> = {};
  label.lastIndex = 0;
  let end = 0;
  for (let found = label.exec(text); found !== null; found = label.exec(text)) {
    const [, name = '', escaped = ''] = found;
    labels[name] = escaped.replaceAll(/\\(.)/g, (_, each) => (each === 'n' ? '\n' : each));
    end = label.lastIndex;
  }
  return end === text.length ? labels : undefined;
}
