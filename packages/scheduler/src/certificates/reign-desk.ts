/**
 * Owns the certificate desk of one reign: what it knows of agents from the documents, the record that keeps its authority,
 * its way to executors, and which messages are for it.
 * Not: who gets a certificate (desk.ts). Called by reign.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type CertificateRequest,
  type Clock,
  type Config,
  type Control,
  changedFramework,
  decodeCertificateRequest,
  type FrameworkDocument,
} from "@mr-redis/core";
import {
  base64ToBytes,
  messageCall,
  type SchedulerEvent,
  type SchedulerSession,
  textToBase64,
} from "@mr-redis/mesos";
import type { FrameworkRecord } from "../framework-record.js";
import { proxyHostOf } from "../leader-identity.js";
import type { Log } from "../log.js";
import type { ReignEnd } from "../reign-end.js";
import type { Sealing } from "../secrets/secret-keys.js";
import { CertificateDesk, type Sender } from "./desk.js";

/** What a reign gives to its desk. */
export interface ReignDeskOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  /** null: there is no SecretKeyFile. */
  readonly sealing: Sealing | null;
  readonly record: FrameworkRecord;
  readonly control: Control;
  readonly session: () => Pick<SchedulerSession, "call">;
  readonly mayAct: () => boolean;
  /** The store holds it now. */
  readonly stored: (document: FrameworkDocument) => void;
  readonly ended: (end: ReignEnd) => void;
}

/** A whole number of groups of base64, so that the text begins with it whatever follows. */
const requestPrefix = textToBase64('{"version":1,"type":"certificate-reques');

/** Longest request: far more than the one form that it has. */
const requestCharactersMax = 4_096;

/** The request in a message, and whose it is; null for all others, which are looked at elsewhere. */
export function certificateRequestOf({
  message,
}: SchedulerEvent): { readonly sender: Sender; readonly request: CertificateRequest } | null {
  if (message === undefined || message.data.length > requestCharactersMax) return null;
  if (!message.data.startsWith(requestPrefix)) return null;
  const bytes = base64ToBytes(message.data);
  if (!bytes.ok) return null;
  const request = decodeCertificateRequest(new TextDecoder().decode(bytes.value));
  if (!request.ok) return null;
  const sender = { agentId: message.agent_id.value, executorId: message.executor_id.value };
  return { sender, request: request.value };
}

/** Addresses and host names of the processes with TLS of an executor, as their documents have them. */
function hostsOf(control: Control, { agentId, executorId }: Sender): readonly string[] {
  const hosts = new Set<string>();
  for (const { document } of control.cells.values()) {
    if (document.spec.tls === undefined) continue;
    for (const process of document.processes) {
      if (process.agentId !== agentId || process.executorId !== executorId) continue;
      hosts.add(process.address).add(process.hostname);
    }
  }
  return [...hosts];
}

/** The desk of a reign. */
export function createCertificateDesk(options: ReignDeskOptions): CertificateDesk {
  const { config, clock, log, sealing, record, control, mayAct } = options;
  return new CertificateDesk({
    ...{ clock, log, sealing, frameworkName: config.frameworkName },
    proxyHost: proxyHostOf(config),
    stored: () => record.stored?.authority ?? null,
    async save(authority) {
      if (record.stored === null) throw new Error("the framework is not registered yet");
      const { stored: present } = record;
      const untilMs = clock.monotonicMs() + config.dbTimeLimitMs;
      const end = await record.save(
        (stored) => changedFramework(stored ?? present, { authority }),
        () => mayAct() && clock.monotonicMs() < untilMs,
      );
      if (end !== null) options.ended(end);
      if (record.stored?.authority !== authority || !mayAct()) {
        throw new Error("the store did not take the authority for certificates");
      }
      options.stored(record.stored);
    },
    hostsOf: (sender) => hostsOf(control, sender),
    send(to, text) {
      if (!mayAct()) return;
      // A lost answer is asked for again.
      void options.session().call(messageCall({ ...to, data: textToBase64(text) }));
    },
  });
}
