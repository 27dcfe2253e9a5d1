/**
 * Owns counters, gauges and histograms, and their text in the exposition format of Prometheus (version 0.0.4).
 * Not: which there are (table.ts), nor what is counted (meter.ts, census.ts). Pure.
 * Source of the rules: Prometheus, "Exposition formats" and "Metric and label naming".
 * SPDX-License-Identifier: Apache-2.0
 */
import { assert } from "@mr-redis/core";

/** What a metric is; one row of the table. */
export interface Metric {
  /** With its unit, counters with `_total` behind it. */
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** Base unit; "" for a plain number. */
  readonly unit: "seconds" | "bytes" | "";
  readonly labels: readonly string[];
  /** One sentence for people, without a full stop. */
  readonly help: string;
}

/**
 * Most series of one counter or histogram: several times what closed lists of words can make. What comes beyond counts
 * under the label values `other`, so that no input makes memory grow.
 */
export const seriesMax = 1_000;

const escaped = (text: string): string =>
  text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

/** `name="value"` pairs, without braces. */
function pairsOf(metric: Metric, values: readonly string[]): string {
  assert(values.length === metric.labels.length, `${metric.name} has other labels`);
  return metric.labels.map((label, index) => `${label}="${escaped(values[index] ?? "")}"`).join();
}

const braced = (pairs: string): string => (pairs === "" ? "" : `{${pairs}}`);

const numberText = (value: number): string =>
  value === Number.POSITIVE_INFINITY ? "+Inf" : String(value);

/** The two lines in front of the samples of a metric. */
export const headOf = ({ name, type, help }: Metric): string =>
  `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} ${type}\n`;

/** Series by label values, in the order in which they came. */
class SeriesMap<Value> {
  readonly #metric: Metric;
  readonly #create: () => Value;
  readonly #series = new Map<string, { readonly pairs: string; readonly value: Value }>();

  constructor(metric: Metric, create: () => Value) {
    this.#metric = metric;
    this.#create = create;
    if (metric.labels.length === 0) this.of([]);
  }

  of(labels: readonly string[]): Value {
    const key = labels.length === 1 ? (labels[0] ?? "") : labels.join("\n");
    const present = this.#series.get(key);
    if (present !== undefined) return present.value;
    if (this.#series.size >= seriesMax) {
      const other = this.#metric.labels.map(() => "other");
      return this.#series.get(other.join("\n"))?.value ?? this.#add(other.join("\n"), other);
    }
    return this.#add(key, labels);
  }

  *entries(): Iterable<{ readonly pairs: string; readonly value: Value }> {
    yield* this.#series.values();
  }

  #add(key: string, labels: readonly string[]): Value {
    const value = this.#create();
    this.#series.set(key, { pairs: pairsOf(this.#metric, labels), value });
    return value;
  }
}

/** Something that has samples. */
export interface Family {
  readonly metric: Metric;
  /** The samples as text, without the head; "" when there are none. */
  samples(): string;
}

/** A number that only grows, for as long as the program runs. */
export class Counter implements Family {
  readonly metric: Metric;
  readonly #series: SeriesMap<{ count: number }>;

  /** `known`: label values that are there from the begin, at 0, so that a first increase is seen as one. */
  constructor(metric: Metric, known: readonly (readonly string[])[] = []) {
    assert(metric.type === "counter", `${metric.name} is no counter`);
    this.metric = metric;
    this.#series = new SeriesMap(metric, () => ({ count: 0 }));
    for (const labels of known) this.#series.of(labels);
  }

  /** `amount` is 0 or more. */
  add(amount: number, ...labels: string[]): void {
    if (amount >= 0) this.#series.of(labels).count += amount;
  }

  samples(): string {
    let text = "";
    for (const { pairs, value } of this.#series.entries()) {
      text += `${this.metric.name}${braced(pairs)} ${numberText(value.count)}\n`;
    }
    return text;
  }
}

/** How often something was how large. */
export class Histogram implements Family {
  readonly metric: Metric;
  readonly #bounds: readonly number[];
  readonly #series: SeriesMap<{ readonly counts: number[]; sum: number }>;

  /** `bounds`: upper bounds of the buckets, ascending, without infinity. */
  constructor(metric: Metric, bounds: readonly number[]) {
    assert(metric.type === "histogram", `${metric.name} is no histogram`);
    this.metric = metric;
    this.#bounds = bounds;
    const size = bounds.length + 1;
    this.#series = new SeriesMap(metric, () => ({ counts: new Array(size).fill(0), sum: 0 }));
  }

  /** `value` in the unit of the metric; a negative one (a clock that was set) counts as 0. */
  observe(value: number, ...labels: string[]): void {
    const series = this.#series.of(labels);
    const observed = Math.max(0, value);
    const found = this.#bounds.findIndex((bound) => observed <= bound);
    const index = found < 0 ? this.#bounds.length : found;
    series.counts[index] = (series.counts[index] ?? 0) + 1;
    series.sum += observed;
  }

  samples(): string {
    const { name } = this.metric;
    let text = "";
    for (const { pairs, value } of this.#series.entries()) {
      const prefix = pairs === "" ? "" : `${pairs},`;
      let count = 0;
      for (const [index, each] of value.counts.entries()) {
        count += each;
        const bound = numberText(this.#bounds[index] ?? Number.POSITIVE_INFINITY);
        text += `${name}_bucket{${prefix}le="${bound}"} ${count}\n`;
      }
      text += `${name}_sum${braced(pairs)} ${value.sum}\n${name}_count${braced(pairs)} ${count}\n`;
    }
    return text;
  }
}

/** Values of one moment: made for a scrape, and gone after it. Counters that others keep are shown by it, too. */
export class Shown implements Family {
  readonly metric: Metric;
  #text = "";

  constructor(metric: Metric) {
    assert(metric.type !== "histogram", `${metric.name} is a histogram`);
    this.metric = metric;
  }

  /** One sample. The caller gives each set of label values once. */
  set(value: number, ...labels: string[]): void {
    this.#text += `${this.metric.name}${braced(pairsOf(this.metric, labels))} ${numberText(value)}\n`;
  }

  samples(): string {
    return this.#text;
  }
}
