/**
 * Owns the options of `mrr up` as commander gives them. Not: their checks one by one (commands/define.ts).
 * SPDX-License-Identifier: Apache-2.0
 */

/** Options after parsing; what has no default in defaults.ts, or one that the configuration may change, is optional. */
export interface UpOptions {
  readonly agents: number;
  readonly agentCpus?: number;
  readonly agentMemory?: number;
  /** FIRST-LAST. */
  readonly ports: string;
  readonly httpPort?: number;
  readonly artifactPort?: number;
  readonly mesosPort: number;
  readonly dataDir: string;
  readonly config?: string;
  readonly exitWithParent?: boolean;
}
