/**
 * Owns the tests of the table of metrics: the rules of their names, and the page that lists them.
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { allMetrics } from "./table.js";

it("names follow the conventions of Prometheus", () => {
  expect(new Set(allMetrics.map(({ name }) => name)).size).toBe(allMetrics.length);
  for (const { name, type, unit, labels, help } of allMetrics) {
    expect(name).toMatch(/^(?:mr_redis|redis|process|nodejs)_[a-z][a-z0-9_]*$/);
    expect([name, name.endsWith("_total")]).toEqual([name, type === "counter"]);
    const unitless = name.replace(/_total$/, "");
    if (unit !== "") expect(unitless).toMatch(new RegExp(`_${unit}$`));
    expect(unitless).not.toMatch(/_(?:ms|milliseconds|kb|mb|percent|count|sum|bucket)$/);
    // `le` belongs to histograms, `instance` and `job` to who scrapes.
    for (const label of labels) expect(label).toMatch(/^(?!le$|instance$|job$)[a-z][a-z_]*$/);
    expect(help).toMatch(/^[A-Z1].*[^.\s]$/);
  }
});

it("docs/reference/metrics.md has exactly these metrics of the scheduler", () => {
  const page = readFileSync(
    new URL("../../../../docs/reference/metrics.md", import.meta.url),
    "utf8",
  );
  const [, section = ""] = /<!-- scheduler -->\n([\s\S]*?)<!-- \/scheduler -->/.exec(page) ?? [];
  const rows = section.split("\n").filter((line) => line.startsWith("| `"));
  const wanted = allMetrics.map(({ name, type, unit, labels, help }) => {
    const words = labels.map((label) => `\`${label}\``).join(", ");
    return `| \`${name}\` | ${type} | ${unit} | ${words} | ${help} |`;
  });
  const how = "between the marks `scheduler` of docs/reference/metrics.md";
  const lacks = wanted.filter((row) => !rows.includes(row)).join("\n");
  const outdated = rows.filter((row) => !wanted.includes(row)).join("\n");
  expect(lacks, `write these rows ${how}`).toBe("");
  expect(outdated, `remove these rows ${how}`).toBe("");
  expect(rows.length, "no row is there twice").toBe(wanted.length);
});
