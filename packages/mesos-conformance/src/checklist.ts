/**
 * Owns the table of all checks, in the order of their ids. Called by main.ts and run tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Check } from "./check.js";
import { agentRestartChecks } from "./checks/agent-restart.js";
import { executorChecks } from "./checks/executors.js";
import { launchChecks } from "./checks/launches.js";
import { offerChecks } from "./checks/offers.js";
import { reservationChecks } from "./checks/reservations.js";
import { sessionChecks } from "./checks/session.js";
import { spoiledAcceptChecks } from "./checks/spoiled-accepts.js";
import { transportChecks } from "./checks/transport.js";
import { updateChecks } from "./checks/updates.js";

/** The 60 checks. */
export const checklist: readonly Check[] = [
  ...transportChecks,
  ...sessionChecks,
  ...offerChecks,
  ...spoiledAcceptChecks,
  ...reservationChecks,
  ...launchChecks,
  ...updateChecks,
  ...executorChecks,
  ...agentRestartChecks,
].sort((a, b) => (a.id < b.id ? -1 : 1));
