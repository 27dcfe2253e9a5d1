/**
 * Owns the check that alerts and the page about monitoring name only metrics and labels that exist, and each other.
 * Not: the page of metrics (held equal to the code beside its tables). SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repositoryRoot } from "../src/mrr-up.js";

const text = (path: string): string => readFileSync(join(repositoryRoot(), path), "utf8");

const rows = [
  ...text("docs/reference/metrics.md").matchAll(/^\| `(\w+)` \| (\w+) \| \w* \| (.*?) \|/gm),
];
const labels = new Map(
  rows.map(([, name = "", , words = ""]) => [
    name,
    [...words.matchAll(/`(\w+)`/g)].map(([, label = ""]) => label),
  ]),
);
const histograms = new Set(
  rows.filter(([, , type]) => type === "histogram").map(([, name]) => name),
);

/** The metric that a name in an expression is of; null: there is none. */
function metricOf(name: string): string | null {
  const base = name.replace(/_(?:bucket|sum|count)$/, "");
  if (histograms.has(base)) return base;
  return labels.has(name) ? name : null;
}

const alerts = text("deploy/prometheus/alerts.yaml");
const names = [...alerts.matchAll(/^ +- alert: (\w+)$/gm)].map(([, name = ""]) => name);
const expressions = [...alerts.matchAll(/^ +expr: (.+)$/gm)].map(
  ([, expression = ""]) => expression,
);
const monitoring = text("docs/operating/monitoring.md");

test("every expression is about metrics and labels that exist", () => {
  expect(labels.size).toBeGreaterThan(60);
  expect([names.length, expressions.length]).toEqual([names.length, names.length]);
  const spans = [...monitoring.matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span);
  const pattern = /\b((?:mr_redis|redis|process|nodejs)_\w+)(?:\{([^}]*)\})?/g;
  const problems: string[] = [];
  let count = 0;
  for (const expression of [...expressions, ...spans]) {
    for (const [, name = "", pairs = ""] of expression.matchAll(pattern)) {
      if (name === "redis_instance") continue;
      count += 1;
      const metric = metricOf(name);
      if (metric === null) problems.push(`${name} is no metric: ${expression}`);
      for (const [, label = ""] of pairs.matchAll(/(\w+)(?:=|!=|=~|!~)"/g)) {
        const known = labels.get(metric ?? "") ?? [];
        if (!known.includes(label)) problems.push(`${name} has no label ${label}: ${expression}`);
      }
    }
  }
  expect(count).toBeGreaterThan(30);
  expect(problems).toEqual([]);
});

test("an alert is about something of ours, and each has its line in docs/operating/monitoring.md", () => {
  const strangers = expressions.filter((each) => !/mr_redis_|redis_|^up\{/.test(each));
  expect(strangers).toEqual([]);
  const lines = [...monitoring.matchAll(/^\| `(MrRedis\w+)` \|/gm)].map(([, name = ""]) => name);
  expect(
    lines,
    "write a line for each alert, in the order of deploy/prometheus/alerts.yaml",
  ).toEqual(names);
});
