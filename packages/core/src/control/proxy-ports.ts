/**
 * Owns which instances get ports at proxies and when: with their create, later when there were none free, or at the first
 * start with a range those that are older. And when they lose them: once their delete is stored.
 * Not: the search for free ones (endpoints/port-book.ts). Called by control.ts and review.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { ProxyPortBook, type ProxyPortRange, portCountOf } from "../endpoints/port-book.js";
import type { Because, InstanceDocument } from "../instance/types.js";
import type { InstanceCell } from "./cell.js";
import { controlLimits } from "./settings.js";
import { isActive } from "./transitions.js";

/** What is needed of the owner. */
export interface ProxyPortsHost {
  readonly monotonicMs: number;
  readonly cells: ReadonlyMap<string, InstanceCell>;
  touch(cell: InstanceCell): void;
  wakeAt(name: string, monotonicMs: number): void;
}

const proxyPortsKey = "#proxy-ports";

const needsRead = (document: InstanceDocument): boolean => document.spec.slaves > 0;

/** See the head of this file. */
export class ProxyPortDesk {
  readonly #host: ProxyPortsHost;
  readonly #book: ProxyPortBook;
  /** Names without ports, the first to come first; those that need one port, and those that need two. */
  readonly #waiting = { one: new Set<string>(), two: new Set<string>() };
  /** Monotonic: no ports are given to those that wait before. */
  #notBeforeMs = 0;

  constructor(host: ProxyPortsHost, range: ProxyPortRange | null) {
    this.#host = host;
    this.#book = new ProxyPortBook(range);
  }

  /**
   * Takes what is stored into the book. Where two instances have the same port (only a store that was damaged or put
   * together by hand can say so), the one that was created first keeps it, at equal times the one whose name comes first;
   * whichever is being deleted yields. The other gets other ports: at most one address is right.
   */
  load(cells: Iterable<InstanceCell>): void {
    const owners = [...cells].filter(({ document }) => hasPorts(document));
    owners.sort(
      ({ document: a }, { document: b }) =>
        Number(isActive(b)) - Number(isActive(a)) ||
        a.createdAtMs - b.createdAtMs ||
        (a.name < b.name ? -1 : 1),
    );
    for (const cell of owners) {
      const { proxy } = cell.document;
      if (proxy !== undefined && this.#book.take(cell.name, proxy) !== null) {
        cell.document = withoutPorts(cell.document);
      }
    }
  }

  /**
   * The document of a new instance with its ports, if any are free. `present`: the cell of the instance that had the name
   * before. Ports that the store may still name are kept when they suit, else it gets others once the store names none.
   */
  given(document: InstanceDocument, present: InstanceCell | undefined): InstanceDocument {
    const { name } = document;
    const isKept = present !== undefined && this.#isNamed(present);
    if (!isKept) this.#book.release(name);
    const proxy = isKept
      ? this.#book.suiting(name, needsRead(document))
      : this.#book.give(name, needsRead(document));
    return proxy === null ? document : { ...document, proxy };
  }

  /** True while the store names ports of this name, or a commit on its way may make it do so. */
  #isNamed({ name, commit, stored }: InstanceCell): boolean {
    return this.#book.of(name) !== null && (commit !== null || stored?.proxy !== undefined);
  }

  /** Called with each review. Ports are free again when neither memory nor store names them. */
  review(cell: InstanceCell): void {
    const { document, name } = cell;
    if (isActive(document) && document.proxy === undefined) {
      if (this.#isNamed(cell)) {
        // Ports of the one that had the name before: they are looked at again when the commit has ended.
        this.#forget(name);
        return;
      }
      this.#release(name);
      if (this.#book.range === null) return;
      this.#waiting[needsRead(document) ? "two" : "one"].add(name);
      this.#wake();
      return;
    }
    this.#forget(name);
    const isOver = document.status === "DELETED" && document.proxy === undefined;
    // A commit on its way may still store them; it is looked at again when that has ended.
    if (isOver && !this.#isNamed(cell)) this.#release(name);
  }

  /** The instance is no more. */
  dropped(name: string): void {
    this.#forget(name);
    this.#release(name);
  }

  /** Gives ports to some of those that wait; called after each event. */
  pump(): void {
    if (!this.#isDue()) return;
    if (this.#host.monotonicMs < this.#notBeforeMs) {
      this.#wake();
      return;
    }
    this.#notBeforeMs = this.#host.monotonicMs + controlLimits.proxyPortsPaceMs;
    const { one, two } = this.#waiting;
    for (let count = 0; count < controlLimits.proxyPortsBatchMax; count += 1) {
      const names = this.#book.free >= 2 && two.size > 0 ? two : one;
      const [name] = names;
      if (name === undefined || this.#book.free === 0) break;
      names.delete(name);
      const cell = this.#host.cells.get(name);
      if (cell === undefined || !isActive(cell.document)) continue;
      cell.document = this.given(cell.document, cell);
      this.#host.touch(cell);
    }
    this.#wake();
  }

  /** Why an instance has no ports as this document says, with the remedy; null: it has. */
  problemOf({ proxy, spec, name }: InstanceDocument): Because | null {
    if (proxy !== undefined) return null;
    const { range, free } = this.#book;
    if (range === null) {
      const text =
        "this scheduler gives no ports at proxies: set ProxyPorts in its configuration, such as 20000-29999, and start it again";
      return { code: "no-proxy-ports", text };
    }
    const wanted = spec.slaves > 0 ? 2 : 1;
    if (free >= wanted || this.#book.of(name) !== null) {
      return { code: "proxy-ports-pending", text: "its ports at proxies are being given" };
    }
    const what = `${free} of the ${portCountOf(range)} ports ${range.first}-${range.last} (ProxyPorts)`;
    const text =
      `${what} ${free === 1 ? "is" : "are"} free and it needs ${wanted}: ` +
      "widen ProxyPorts and start the scheduler again, or delete an instance; it then gets them by itself";
    return { code: "proxy-ports-exhausted", text };
  }

  #isDue(): boolean {
    const { free } = this.#book;
    return (free >= 1 && this.#waiting.one.size > 0) || (free >= 2 && this.#waiting.two.size > 0);
  }

  #wake(): void {
    if (!this.#isDue()) return;
    const { monotonicMs } = this.#host;
    this.#host.wakeAt(proxyPortsKey, Math.max(monotonicMs, this.#notBeforeMs));
  }

  #forget(name: string): void {
    this.#waiting.one.delete(name);
    this.#waiting.two.delete(name);
  }

  #release(name: string): void {
    if (this.#book.release(name)) this.#wake();
  }
}

const hasPorts = ({ proxy, status }: InstanceDocument): boolean =>
  proxy !== undefined && status !== "DELETED";

function withoutPorts({ proxy: _, ...document }: InstanceDocument): InstanceDocument {
  return document;
}
