import { medianOf, round, type Section } from './result.ts';

const [width, labelWidth, rowHeight, barHeight, valueWidth] = [940, 480, 30, 18, 110];

/** One bar per way; logarithmic, since the floor and the slowest are often a thousand times apart. */
export function toSvg({ title, measurements }: Section): string {
  const floors = new Set(measurements.map(({ floor }) => floor));
  const bars = measurements
    .map((each) => ({ ...each, median: medianOf(each) }))
    .filter((each) => each.median > 0);
  const [least, most] = [
    Math.min(...bars.map((bar) => bar.median)),
    Math.max(...bars.map((bar) => bar.median)),
  ];
  const room = width - labelWidth - valueWidth;
  const lengthOf = (value: number) =>
    most === least ? room : room * (0.06 + (0.94 * Math.log(value / least)) / Math.log(most / least));
  const rows = bars.map(({ name, unit, median }, index) => {
    const top = 40 + index * rowHeight;
    const length = lengthOf(median).toFixed(1);
    const color = floors.has(name) ? '#9aa5b1' : '#3b6ea8';
    const middle = top + barHeight / 2 + 4;
    return `<text x="${labelWidth - 8}" y="${middle}" text-anchor="end">${escapeXml(name)}</text>
<rect x="${labelWidth}" y="${top}" width="${length}" height="${barHeight}" rx="2" fill="${name.startsWith('tenant-manager') ? '#c2571a' : color}"/>
<text x="${labelWidth + Number(length) + 6}" y="${middle}">${round(median)} ${unit}</text>`;
  });
  const height = 50 + bars.length * rowHeight;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title" font-family="system-ui, sans-serif" font-size="12">
<title id="title">${escapeXml(title)}</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="8" y="22" font-size="14" font-weight="600">${escapeXml(title)} (median, logarithmic)</text>
${rows.join('\n')}
</svg>
`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
