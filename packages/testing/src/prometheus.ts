/**
 * Owns the strict reading of metrics in the text format of Prometheus: what breaks a rule of the format is an error.
 * Not: which metrics there are. Called by the tests of every program that has metrics.
 * Source of the rules: Prometheus, "Exposition formats", version 0.0.4.
 * SPDX-License-Identifier: Apache-2.0
 */

/** One sample. */
export interface PrometheusSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One metric with its samples; those of a histogram have `_bucket`, `_sum` and `_count` behind its name. */
export interface PrometheusMetric {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly PrometheusSample[];
}

const namePattern = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const samplePattern = new RegExp(`^(${namePattern})(?:\\{(.*)\\})? (\\S+)$`);
const labelPattern = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;

/** Reads the text; throws for what Prometheus would refuse, and for what it advises against. */
export function parsePrometheus(text: string): Map<string, PrometheusMetric> {
  if (text !== "" && !text.endsWith("\n")) throw new Error("the last line has no end");
  const metrics = new Map<string, PrometheusMetric & { samples: PrometheusSample[] }>();
  const seen = new Set<string>();
  let help: RegExpExecArray | null = null;
  let present: (PrometheusMetric & { samples: PrometheusSample[] }) | null = null;
  for (const line of text.split("\n").slice(0, -1)) {
    const type = new RegExp(`^# TYPE (${namePattern}) (counter|gauge|histogram)$`).exec(line);
    if (line.startsWith("# HELP ")) {
      help = new RegExp(`^# HELP (${namePattern}) (.+)$`).exec(line);
      if (help === null) throw new Error(`no HELP: ${line}`);
      continue;
    }
    if (line.startsWith("#")) {
      const [, name = "", kind = ""] = type ?? [];
      if (type === null || help?.[1] !== name) throw new Error(`no TYPE behind its HELP: ${line}`);
      if (metrics.has(name)) throw new Error(`${name} is there twice`);
      present = { name, type: kind, help: help[2] ?? "", samples: [] };
      metrics.set(name, present);
      continue;
    }
    const sample = sampleOf(line);
    if (present === null || !belongs(present, sample.name))
      throw new Error(`out of place: ${line}`);
    const key = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`;
    if (seen.has(key)) throw new Error(`twice: ${line}`);
    seen.add(key);
    present.samples.push(sample);
  }
  for (const metric of metrics.values()) check(metric);
  return metrics;
}

/** Sum of the samples of a metric that have these labels; 0 where there are none. */
export const sumOf = (
  metrics: ReadonlyMap<string, PrometheusMetric>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number => {
  const base = name.replace(/_(?:bucket|sum|count)$/, "");
  const { samples = [] } = metrics.get(name) ?? metrics.get(base) ?? {};
  return samples
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([key, is]) => sample.labels[key] === is))
    .reduce((sum, { value }) => sum + value, 0);
};

const belongs = ({ name, type }: PrometheusMetric, sample: string): boolean =>
  type === "histogram"
    ? [`${name}_bucket`, `${name}_sum`, `${name}_count`].includes(sample)
    : sample === name;

function sampleOf(line: string): PrometheusSample {
  const [match, name = "", pairs = "", number = ""] = samplePattern.exec(line) ?? [];
  const value = number === "+Inf" ? Number.POSITIVE_INFINITY : Number(number);
  if (match === undefined || number === "" || Number.isNaN(value)) {
    throw new Error(`no sample: ${line}`);
  }
  const labels: Record<string, string> = {};
  labelPattern.lastIndex = 0;
  while (labelPattern.lastIndex < pairs.length) {
    const [, label = "", raw = ""] = labelPattern.exec(pairs) ?? [];
    if (label === "" || label in labels) throw new Error(`bad labels: ${line}`);
    labels[label] = raw.replace(/\\(.)/g, (_all, each: string) => (each === "n" ? "\n" : each));
  }
  return { name, labels, value };
}

function check({ name, type, samples }: PrometheusMetric): void {
  if (samples.length === 0) throw new Error(`${name} has no sample`);
  if (type !== "gauge" && samples.some(({ value }) => !(value >= 0))) {
    throw new Error(`${name} is below 0`);
  }
  if ((type === "counter") !== name.endsWith("_total")) throw new Error(`${name} is a ${type}`);
  if (type !== "histogram") return;
  const buckets = new Map<string, number[]>();
  const counts = new Map<string, number>();
  for (const { name: part, labels, value } of samples) {
    const { le, ...others } = labels;
    const key = JSON.stringify(others);
    if (part === `${name}_bucket`) buckets.set(key, [...(buckets.get(key) ?? []), value]);
    if (part === `${name}_bucket` && le === undefined) throw new Error(`${name} lacks le`);
    if (part === `${name}_count`) counts.set(key, value);
  }
  for (const [key, values] of buckets) {
    const isGrowing = values.every((value, index) => value >= (values[index - 1] ?? 0));
    if (!isGrowing || values.at(-1) !== counts.get(key)) throw new Error(`${name}${key} is torn`);
  }
}
