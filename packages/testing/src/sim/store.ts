/**
 * Owns the simulated store: documents with revisions, one leadership with a lease, outcomes that are not known.
 * Not: the real drivers (packages/store), whose contract this follows: a commit is refused to whoever does not lead.
 * SPDX-License-Identifier: Apache-2.0
 */
import type {
  CommitDocument,
  CommitResult,
  InstanceDocument,
  LoadedDocument,
} from "@mr-redis/core";
import type { NodeId } from "./network.js";
import type { World } from "./world.js";

/** What may become of a commit besides its being done. Shares are probabilities. */
export interface StoreFaults {
  /** The request is lost. */
  readonly lostShare: number;
  /** It is done, but nobody tells. */
  readonly silentShare: number;
  /** It is done so late that its sender has given it up. */
  readonly lateShare: number;
}

/** A commit whose answer takes longer counts as unknown. */
export const storeTimeoutMs = 1_000;

interface Leader {
  readonly node: NodeId;
  readonly term: number;
  leaseUntilMs: number;
}

/** See the head of this file. */
export class Store {
  readonly #world: World;
  readonly node: NodeId;
  readonly documents = new Map<string, LoadedDocument>();
  faults: StoreFaults = { lostShare: 0, silentShare: 0, lateShare: 0 };
  #leader: Leader | null = null;
  #terms = 0;
  #revisions = 0;

  constructor(world: World, node: NodeId) {
    this.#world = world;
    this.node = node;
  }

  get term(): number {
    return this.#terms;
  }

  document(name: string): InstanceDocument | null {
    return this.documents.get(name)?.document ?? null;
  }

  /** Becomes leader when nobody's lease runs. `won` is called on the candidate's side. */
  campaign(node: NodeId, won: (term: number, documents: readonly LoadedDocument[]) => void): void {
    const { network, clock } = this.#world;
    if (!network.isConnected(node, this.node)) return;
    network.stream(node, this.node, () => {
      const nowMs = clock.monotonicMs();
      if (this.#leader !== null && nowMs < this.#leader.leaseUntilMs) return;
      this.#terms += 1;
      const term = this.#terms;
      this.#leader = { node, term, leaseUntilMs: nowMs + this.#world.options.leaderLeaseMs };
      network.stream(this.node, node, () => won(term, [...this.documents.values()]));
    });
  }

  /** Keeps the leadership; `kept` is called on the leader's side, `lost` when another leads. */
  renew(node: NodeId, term: number, kept: () => void, lost: () => void): void {
    const { network, clock } = this.#world;
    if (!network.isOpen(node, this.node)) return;
    network.stream(node, this.node, () => {
      const nowMs = clock.monotonicMs();
      const leader = this.#leader;
      const leads = leader?.term === term && nowMs < leader.leaseUntilMs;
      if (leads) leader.leaseUntilMs = nowMs + this.#world.options.leaderLeaseMs;
      network.stream(this.node, node, leads ? kept : lost);
    });
  }

  resign(node: NodeId, term: number): void {
    const { network } = this.#world;
    if (!network.isOpen(node, this.node)) return;
    network.stream(node, this.node, () => {
      if (this.#leader?.term === term) this.#leader = null;
    });
  }

  /** `told` is called once on the sender's side. */
  commit(node: NodeId, term: number, change: CommitDocument, told: (result: CommitResult) => void) {
    const { network, clock, random } = this.#world;
    let open = true;
    const tell = (result: CommitResult): void => {
      if (!open) return;
      open = false;
      limit.cancel();
      told(result);
    };
    const limit = clock.after(storeTimeoutMs, () => tell({ type: "unknown", text: "timed out" }));
    const { lostShare, silentShare, lateShare } = this.faults;
    const draw = random.next();
    if (draw < lostShare) return;
    const isSilent = draw < lostShare + silentShare;
    const isLate = !isSilent && draw < lostShare + silentShare + lateShare;
    const delayMs = isLate ? storeTimeoutMs * (1 + random.next() * 2) : network.delayMs();
    network.stream(
      node,
      this.node,
      () => {
        const result = this.#write(term, change);
        if (!isSilent) network.stream(this.node, node, () => tell(result));
      },
      delayMs,
    );
  }

  #write(term: number, { name, basedOn, document }: CommitDocument): CommitResult {
    const leader = this.#leader;
    const leads = leader?.term === term && this.#world.clock.monotonicMs() < leader.leaseUntilMs;
    if (!leads) return { type: "not-leader", text: "another leads" };
    const current = this.documents.get(name) ?? null;
    if ((current?.revision ?? null) !== basedOn) return { type: "stale", current };
    this.#world.checks.committing(name, current?.document ?? null, document);
    if (document === null) {
      this.documents.delete(name);
      return { type: "done", revision: null };
    }
    this.#revisions += 1;
    const revision = String(this.#revisions);
    this.documents.set(name, { document, revision });
    this.#world.checks.committed(name, document);
    return { type: "done", revision };
  }
}
