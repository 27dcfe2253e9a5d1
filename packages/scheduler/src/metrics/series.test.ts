/**
 * Owns the tests of counters, gauges and histograms, and of their text. SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, it } from "vitest";
import { Counter, Histogram, headOf, type Metric, Shown, seriesMax } from "./series.js";

const metric = (type: Metric["type"], labels: readonly string[]): Metric => ({
  ...{ name: `m_${type}`, type, unit: "", labels, help: "how\nmany \\" },
});

describe("series", () => {
  it("shows a counter, with what is known of it from the begin", () => {
    const counter = new Counter(metric("counter", ["kind"]), [["a"], ["b"]]);
    counter.add(2, "b");
    counter.add(1, 'c"\\\n');
    counter.add(-5, "a");
    expect(headOf(counter.metric) + counter.samples()).toBe(
      '# HELP m_counter how\\nmany \\\\\n# TYPE m_counter counter\nm_counter{kind="a"} 0\nm_counter{kind="b"} 2\nm_counter{kind="c\\"\\\\\\n"} 1\n',
    );
    const plain = new Counter(metric("counter", []));
    expect(plain.samples()).toBe("m_counter 0\n");
    plain.add(0.5);
    expect(plain.samples()).toBe("m_counter 0.5\n");
  });

  it("grows no further than its limit: what comes beyond is one series", () => {
    const counter = new Counter(metric("counter", ["method", "route"]));
    for (let index = 0; index < seriesMax + 50; index += 1) counter.add(1, "GET", `/${index}`);
    const lines = counter.samples().trim().split("\n");
    expect(lines.length).toBe(seriesMax + 1);
    expect(lines.at(-1)).toBe('m_counter{method="other",route="other"} 50');
  });

  it("adds up a histogram, whose buckets hold all that is not larger", () => {
    const histogram = new Histogram(metric("histogram", ["kind"]), [0.5, 1]);
    for (const value of [0.5, 0.6, 1, 7, -1]) histogram.observe(value, "a");
    expect(histogram.samples().split("\n")).toEqual([
      'm_histogram_bucket{kind="a",le="0.5"} 2',
      'm_histogram_bucket{kind="a",le="1"} 4',
      'm_histogram_bucket{kind="a",le="+Inf"} 5',
      'm_histogram_sum{kind="a"} 9.1',
      'm_histogram_count{kind="a"} 5',
      "",
    ]);
  });

  it("refuses labels that the table does not have", () => {
    const shown = new Shown(metric("gauge", ["kind"]));
    shown.set(1, "a");
    expect(shown.samples()).toBe('m_gauge{kind="a"} 1\n');
    expect(() => shown.set(1)).toThrow("other labels");
    expect(() => new Counter(metric("gauge", []))).toThrow("no counter");
  });
});
