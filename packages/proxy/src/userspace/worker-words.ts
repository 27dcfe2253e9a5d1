/**
 * Owns the words between the process that owns the userspace plane and its workers. Both are of the same program.
 * Not: what either does (workers.ts, worker.ts).
 * SPDX-License-Identifier: Apache-2.0
 */
import type { PlaneSettings, Route, RouteState } from "../routes.js";

/** To a worker. `id`: it answers with the same. */
export type WorkerOrder =
  | { readonly type: "begin"; readonly settings: PlaneSettings }
  | { readonly type: "configure"; readonly settings: PlaneSettings }
  | { readonly type: "apply"; readonly id: number; readonly routes: readonly Route[] }
  | {
      readonly type: "change";
      readonly id: number;
      readonly changed: readonly Route[];
      readonly removed: readonly string[];
    }
  | { readonly type: "states"; readonly id: number }
  | { readonly type: "close"; readonly id: number };

/** From a worker. */
export type WorkerAnswer =
  /** It hears orders from now on: what came before is lost. */
  | { readonly type: "ready" }
  | { readonly type: "done"; readonly id: number }
  | { readonly type: "states"; readonly id: number; readonly states: readonly RouteState[] }
  | { readonly type: "problem"; readonly route: Route; readonly problem: string | null }
  | {
      readonly type: "log";
      readonly level: "info" | "warn";
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    };
