/**
 * Owns the way of a document to the store: at most one commit in flight for an instance, changes in between are
 * joined, and what depends on a commit is held until it is durable (persist, then act).
 * Not: what the documents say. Called by control.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { encodeInstance } from "../instance/codec.js";
import type { InstanceCell } from "./cell.js";
import type { Effect, Reply } from "./effects.js";
import type { CommitResult } from "./events.js";
import { controlLimits } from "./settings.js";

/** What the pipeline needs from its owner. */
export interface CommitHost {
  readonly monotonicMs: number;
  emit(effect: Effect): void;
  wakeAt(name: string, monotonicMs: number): void;
  roundPartDone(name: string): void;
  /** The record was removed, or a create was refused: the cell goes. */
  dropCell(cell: InstanceCell): void;
}

/** Commits in flight by id. */
export class CommitPipeline {
  readonly #inFlight = new Map<number, InstanceCell>();
  #nextId = 1;

  /** Starts a commit when the document differs from what is stored and none is on its way. */
  start(cell: InstanceCell, host: CommitHost): void {
    if (cell.commit !== null) return;
    const document = cell.removing ? null : cell.document;
    if (!cell.removing && cell.document === cell.stored) {
      this.#release(cell, cell.held.splice(0), host);
      return;
    }
    cell.commit = { id: this.#nextId++, document, held: cell.held.splice(0), doubts: 0 };
    this.#send(cell, host);
  }

  /** The outcome of a commit. Unknown ids are of a former session and are ignored. */
  finish(commitId: number, result: CommitResult, host: CommitHost): InstanceCell | null {
    const cell = this.#inFlight.get(commitId);
    if (cell === undefined || cell.commit === null) return null;
    this.#inFlight.delete(commitId);
    switch (result.type) {
      case "done":
        this.#landed(cell, result.revision, host);
        break;
      case "stale":
        this.#stale(cell, result, host);
        break;
      case "unknown":
        this.#doubt(cell, result.text, host);
        break;
      case "rejected":
        this.#rejected(cell, result.text, host);
        break;
      case "not-leader":
        host.emit({ type: "stop", because: { code: "not-leader", text: result.text } });
        break;
    }
    return cell;
  }

  /** Sends a commit of unknown outcome again, when its time has come: the answer tells what became of the first. */
  retry(cell: InstanceCell, host: CommitHost): void {
    if (cell.retryCommitAtMs === 0 || cell.commit === null) return;
    if (host.monotonicMs < cell.retryCommitAtMs) {
      host.wakeAt(cell.name, cell.retryCommitAtMs);
      return;
    }
    cell.retryCommitAtMs = 0;
    cell.commit = { ...cell.commit, id: this.#nextId++ };
    this.#send(cell, host);
  }

  #send(cell: InstanceCell, host: CommitHost): void {
    if (cell.commit === null) return;
    this.#inFlight.set(cell.commit.id, cell);
    host.emit({
      type: "commit-document",
      commitId: cell.commit.id,
      name: cell.name,
      basedOn: cell.revision,
      document: cell.commit.document,
      because: cell.document.reason ?? { code: "changed", text: "the instance has changed" },
    });
  }

  #landed(cell: InstanceCell, revision: string | null, host: CommitHost): void {
    const commit = cell.commit;
    if (commit === null) return;
    cell.commit = null;
    cell.revision = revision;
    cell.stored = commit.document;
    this.#release(cell, commit.held, host);
    // A create may have come over the record while it was being removed.
    if (commit.document !== null || !cell.removing) return;
    this.#release(cell, cell.held.splice(0), host);
    host.dropCell(cell);
  }

  #stale(
    cell: InstanceCell,
    result: Extract<CommitResult, { type: "stale" }>,
    host: CommitHost,
  ): void {
    const wanted = cell.commit?.document ?? null;
    const current = result.current;
    const landedBefore =
      wanted === null
        ? current === null
        : current !== null && encodeInstance(current.document) === encodeInstance(wanted);
    if (landedBefore) {
      this.#landed(cell, current?.revision ?? null, host);
      return;
    }
    host.emit({
      type: "stop",
      because: {
        code: "store-conflict",
        text: `the stored record of ${cell.name} was changed by someone else`,
      },
    });
  }

  #doubt(cell: InstanceCell, text: string, host: CommitHost): void {
    if (cell.commit === null) return;
    const doubts = cell.commit.doubts + 1;
    const held = cell.commit.held.filter((effect) => {
      if (effect.type !== "reply") return true;
      host.emit({ ...effect, reply: storeFailed(text) });
      return false;
    });
    cell.commit = { ...cell.commit, doubts, held };
    const wait = Math.min(
      controlLimits.commitRetryMs * 2 ** (doubts - 1),
      controlLimits.commitRetryMaxMs,
    );
    cell.retryCommitAtMs = host.monotonicMs + wait;
    host.wakeAt(cell.name, cell.retryCommitAtMs);
  }

  #rejected(cell: InstanceCell, text: string, host: CommitHost): void {
    const commit = cell.commit;
    if (commit === null) return;
    cell.commit = null;
    for (const effect of [...commit.held, ...cell.held.splice(0)]) {
      if (effect.type === "reply") host.emit({ ...effect, reply: storeFailed(text) });
      if (effect.type === "round-part") host.roundPartDone(cell.name);
    }
    if (cell.stored === null) host.dropCell(cell);
    else host.emit({ type: "stop", because: { code: "store-rejected", text } });
  }

  #release(cell: InstanceCell, held: readonly InstanceCell["held"][number][], host: CommitHost) {
    for (const effect of held) {
      if (effect.type === "round-part") host.roundPartDone(cell.name);
      else host.emit(effect);
    }
  }
}

const storeFailed = (text: string): Reply => ({ type: "store-failed", text });
