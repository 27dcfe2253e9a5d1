/**
 * Owns our table in the kernel: making it, changing it in transactions, making it anew where it is not as it was left, taking
 * it away, and its counters over all of its lives.
 * Not: the text (rules.ts), nor which ports lead where (plane.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { PlaneWatcher } from "../routes.js";
import * as rules from "./rules.js";
import type { ToolRunner } from "./tools.js";

const noCounters: rules.PortCounters = { connections: 0, bytesUp: 0, bytesDown: 0 };

const sum = (a: rules.PortCounters, b: rules.PortCounters): rules.PortCounters => ({
  connections: a.connections + b.connections,
  bytesUp: a.bytesUp + b.bytesUp,
  bytesDown: a.bytesDown + b.bytesDown,
});

/** What came of making the table: one of an ended proxy was there and was replaced. */
export type Made = "fresh" | "left" | "failed";

/** See the head of this file. */
export class KernelTable {
  readonly #run: ToolRunner;
  readonly #log: PlaneWatcher["log"];
  /** What tables before this one counted, of ports that still are. */
  readonly #counted = new Map<number, rules.PortCounters>();
  /** null: there is no table that could be relied on. */
  #layout: rules.Layout | null = null;
  #isFirst = true;

  constructor(run: ToolRunner, log: PlaneWatcher["log"]) {
    this.#run = run;
    this.#log = log;
  }

  /** Of the table that is there. */
  get layout(): rules.Layout | null {
    return this.#layout;
  }

  /** One transaction; where it fails (somebody took the table away), or the layout is another one, everything anew. */
  async change(
    changes: readonly rules.PortChange[],
    layout: rules.Layout,
    everything: () => readonly rules.PortChange[],
  ): Promise<Made> {
    for (const { port, after } of changes) if (after === undefined) this.#counted.delete(port);
    const { host, remote } = this.#layout ?? {};
    if (host !== layout.host || remote !== layout.remote) {
      return this.make(layout, everything());
    }
    const text = rules.changeText(changes);
    if (text === "") return "fresh";
    const { isOk, problem } = await this.#nft(text);
    if (isOk) return "fresh";
    this.#log("warn", "the table of the kernel plane is not as it was left; it is made anew", {
      problem,
    });
    return this.make(layout, everything());
  }

  /** The table as it should be, in one transaction in place of whatever has its name. */
  async make(layout: rules.Layout, everything: readonly rules.PortChange[]): Promise<Made> {
    const counted = await this.#read();
    const isLeft = this.#isFirst && counted !== null;
    const { isOk, problem } = await this.#nft(
      rules.tableText(layout) + rules.changeText(everything),
    );
    if (!isOk) {
      // Nothing may lead to where it led before: userspace carries all, and the next look tries again.
      this.#layout = null;
      await this.#nft(rules.removalText);
      this.#log("warn", "the kernel plane cannot write its table; userspace carries connections", {
        problem,
      });
      return "failed";
    }
    this.#layout = layout;
    this.#isFirst = false;
    if (isLeft) this.#log("info", "a table that an ended proxy left is replaced");
    else {
      for (const { port } of everything) {
        const now = counted?.get(port);
        if (now !== undefined) this.#counted.set(port, sum(this.#before(port), now));
      }
    }
    return isLeft ? "left" : "fresh";
  }

  /** Leads nobody any more; connections that are led go on, and probes still find their source. */
  async empty(): Promise<void> {
    if (this.#layout !== null) await this.#nft(rules.tableText(this.#layout));
  }

  async remove(): Promise<void> {
    this.#layout = null;
    const { isOk, problem } = await this.#nft(rules.removalText);
    if (!isOk) this.#log("warn", "our table could not be removed", { problem });
  }

  /** False: somebody took it away, or it could not be made. */
  async isThere(): Promise<boolean> {
    const args = ["list", "chain", "ip", rules.tableName, "output"];
    return this.#layout !== null && (await this.#run("nft", args)).isOk;
  }

  /** Gives what a port has counted. */
  async counters(): Promise<(port: number) => rules.PortCounters> {
    const now = this.#isFirst ? null : await this.#read();
    return (port) => sum(this.#before(port), now?.get(port) ?? noCounters);
  }

  #before(port: number): rules.PortCounters {
    return this.#counted.get(port) ?? noCounters;
  }

  /** null: there is no table. */
  async #read(): Promise<ReadonlyMap<number, rules.PortCounters> | null> {
    const answers = await Promise.all(rules.countersCalls.map((args) => this.#run("nft", args)));
    if (answers.some(({ isOk }) => !isOk)) return null;
    return rules.parseCounters(answers.map(({ stdout }) => stdout).join("\n"));
  }

  #nft(text: string) {
    return this.#run("nft", ["-f", "-"], text);
  }
}
