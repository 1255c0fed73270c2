/** The interactive page of a figure. */
import type { Figure } from './figure.js';

/** JSON that cannot end the script element it stands in. */
function scriptSafe(value: unknown): string {
  return JSON.stringify(value).replace(/</g, '\\u003c');
}

/**
 * A page that shows the SVG at once and replaces it by the live figure where plotly's script is found: relative to the
 * page, so that it works offline from a clone after `npm ci`, and never inlined (10 MB a figure).
 */
export function figureHtml(name: string, figure: Figure, svg: string, script: string): string {
  const config = { displaylogo: false, responsive: false };
  const title = name.replace(/[&<>]/g, '');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title}</title>
<style>body { margin: 0; background: #fff; }</style>
</head>
<body>
<div id="figure">${svg}</div>
<script src="${encodeURI(script)}"></script>
<script>
if (window.Plotly) {
  const { data, layout } = ${scriptSafe(figure)};
  document.getElementById('figure').textContent = '';
  Plotly.newPlot('figure', data, layout, ${scriptSafe(config)});
}
</script>
</body>
</html>
`;
}
