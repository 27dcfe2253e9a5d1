/**
 * Owns the plot of bench/proxy.mjs: bars by workload and way, as SVG that is readable on light and dark.
 * Not: the numbers. Pure.
 * SPDX-License-Identifier: Apache-2.0
 */
const colours = {
  userspace: "#d95f02",
  kernel: "#1b9e77",
  haproxy: "#7570b3",
  twemproxy: "#c79a00",
  nft: "#5b8fd1",
};

const style = `
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.small { font-size: 10px }
.paper { fill: #ffffff }
.grid { stroke: #8c959f; stroke-opacity: .35 }
.one { stroke: #1f2328; stroke-dasharray: 4 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .paper { fill: #0d1117 }
  .one { stroke: #e6edf3 }
}`;

const size = { width: 1_120, height: 440, left: 64, right: 16, top: 70, bottom: 74 };

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/**
 * `rows`: [{label: two lines, ratios: {way: number}}]; the ratio to direct. `ways`: in this order.
 */
export function plot({ rows, ways, title, note }) {
  const { width, height, left, right, top, bottom } = size;
  const highest = Math.max(1, ...rows.flatMap(({ ratios }) => Object.values(ratios)));
  const most = Math.ceil(highest * 5) / 5;
  const y = (ratio) => height - bottom - (ratio / most) * (height - top - bottom);
  const groupWidth = (width - left - right) / rows.length;
  const barWidth = (groupWidth * 0.82) / ways.length;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" role="img">`,
    `<title>${escaped(title)}</title><style>${style}</style>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    `<text class="title" x="${left}" y="24">${escaped(title)}</text>`,
  ];
  for (let step = 0; step <= most + 1e-9; step += 0.2) {
    const at = y(step).toFixed(1);
    const isOne = Math.abs(step - 1) < 1e-9;
    parts.push(
      `<line class="${isOne ? "one" : "grid"}" x1="${left}" x2="${width - right}" y1="${at}" y2="${at}"/>`,
      `<text x="${left - 8}" y="${(y(step) + 4).toFixed(1)}" text-anchor="end">${step.toFixed(1)}</text>`,
    );
  }
  const axis = "requests per second, of direct = 1";
  parts.push(
    `<text transform="translate(18 ${(top + height - bottom) / 2}) rotate(-90)" text-anchor="middle">${axis}</text>`,
  );
  ways.forEach((way, index) => {
    const x = left + index * 130;
    parts.push(
      `<rect x="${x}" y="38" width="12" height="12" fill="${colours[way] ?? "#888888"}"/>`,
      `<text x="${x + 18}" y="48">${way}</text>`,
    );
  });
  rows.forEach(({ label, ratios }, group) => {
    const x0 = left + group * groupWidth + groupWidth * 0.09;
    ways.forEach((way, index) => {
      const ratio = ratios[way];
      if (ratio === undefined) return;
      const x = x0 + index * barWidth;
      const at = y(ratio);
      parts.push(
        `<rect x="${x.toFixed(1)}" y="${at.toFixed(1)}" width="${(barWidth - 1.5).toFixed(1)}" height="${(height - bottom - at).toFixed(1)}" fill="${colours[way] ?? "#888888"}"><title>${way}: ${ratio.toFixed(2)}</title></rect>`,
      );
    });
    const middle = (left + (group + 0.5) * groupWidth).toFixed(1);
    label.forEach((line, index) => {
      parts.push(
        `<text x="${middle}" y="${height - bottom + 18 + index * 15}" text-anchor="middle">${escaped(line)}</text>`,
      );
    });
  });
  parts.push(
    `<text class="small" x="${left}" y="${height - 12}">${escaped(note)}</text>`,
    "</svg>",
    "",
  );
  return parts.join("\n");
}
