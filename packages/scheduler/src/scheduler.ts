/**
 * Owns the putting together of a running scheduler: store, succession of reigns, API, artifacts.
 * Not: a reign (reign.ts), nor flags and files (main.ts). Everything it uses is handed in, so that tests run it in-process.
 * SPDX-License-Identifier: Apache-2.0
 */
import { randomUUID } from "node:crypto";
import type { Clock, Config, FrameworkDocument, MrrError } from "@mr-redis/core";
import type { ExecutorInfo } from "@mr-redis/mesos";
import type { Store } from "@mr-redis/store";
import { type ApiServer, createApiServer } from "./api/server.js";
import { createArtifactServer } from "./artifact/server.js";
import { type CrashPoint, noCrash } from "./crash-points.js";
import { caArtifactOf, executorOf, loadExecutorArtifact } from "./executor-artifact.js";
import { Front } from "./front.js";
import { advertisedUrl, encodeHolder, proxyHostOf } from "./leader-identity.js";
import type { Log } from "./log.js";
import { checkMesosAccess, type MesosFiles } from "./mesos-access.js";
import { Exposition } from "./metrics/exposition.js";
import { Meter } from "./metrics/meter.js";
import { meteredStore } from "./metrics/metered-store.js";
import type { ProcessMeter } from "./metrics/process.js";
import { Reign } from "./reign.js";
import { openSecretKeys } from "./secrets/open-keys.js";
import type { SecretKeys } from "./secrets/secret-keys.js";
import { openServerAccess, type ServerAccess } from "./server-access.js";
import { atStore, isLocalStore, openConfiguredStore, type StoreFiles } from "./store-access.js";
import { Succession } from "./succession.js";

/** What a scheduler is made of. */
export interface SchedulerOptions {
  readonly config: Config;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Secret of the principal and certificates, for Mesos; default none. Never logged. */
  readonly mesosFiles?: MesosFiles;
  /** Password and certificates for the store; default none. Never logged. */
  readonly storeFiles?: StoreFiles;
  /** Opens the store; default: the one that the configuration names. Tests share one between several schedulers. */
  readonly openStore?: () => Promise<Store>;
  readonly signal: AbortSignal;
  /**
   * An operator's word: when Mesos has removed the framework, a new one is registered and the instances are created again,
   * new and empty. Used up with the first registration. Default false.
   */
  readonly newFramework?: boolean;
  /** What is measured of the process; default null: nothing is shown of it. */
  readonly processMeter?: ProcessMeter | null;
  /** Named instants for tests that end the program (crash-points.ts); default none. */
  readonly crash?: CrashPoint;
}

/** A scheduler that serves: it leads, stands by, or waits for its store. */
export interface RunningScheduler {
  readonly http: { readonly host: string; readonly port: number };
  readonly artifacts: { readonly host: string; readonly port: number };
  /** Settles when it must end by itself, with the reason. */
  readonly stopped: Promise<MrrError>;
  /** Stops acting; the framework and its tasks stay. Idempotent. */
  close(): Promise<void>;
}

/**
 * Serves, then campaigns. Resolves when it leads, stands by, or could not reach the store (it goes on trying); rejects
 * with MrrError when something is wrong that no retry can mend.
 */
export async function startScheduler(options: SchedulerOptions): Promise<RunningScheduler> {
  const { config, log, clock } = options;
  const closers: (() => Promise<void>)[] = [];
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      for (const closer of closers.splice(0).reverse()) await closer();
    })();
    return closing;
  };
  checkMesosAccess(config, options.mesosFiles ?? noFiles);
  try {
    const artifact = await loadExecutorArtifact(config, log);
    const ca = caArtifactOf(config, options.mesosFiles?.ca ?? null);
    const secrets = await openSecretKeys(config, { clock, log });
    closers.push(async () => secrets.close());
    const secretKeys = secrets.keys;
    const meter = new Meter(clock);
    const openStore = storeOpener(options, meter);
    const store = await openFirst(config, openStore);
    if (store !== null) closers.push(() => store.close());
    const access = await openServerAccess(config, { clock, log });
    closers.push(async () => access.close());
    const artifactServer = createArtifactServer({
      files: [...artifact.files, ...(ca === null ? [] : [ca])].map(({ name, path }) => ({
        name,
        path,
      })),
      log,
      clock,
      tls: access.artifactTls,
    });
    closers.push(() => artifactServer.close());
    const artifacts = await artifactServer.listen({
      host: config.artifactBind,
      port: config.artifactPort,
    });
    const front = new Front(clock);
    const api = createApi(options, { front, meter }, access);
    closers.push(() => api.close());
    access.follow({ api, artifacts: artifactServer });
    const http = await api.listen({ host: config.httpBind, port: config.httpPort });
    const place = { host: config.artifactIp, port: artifacts.port };
    const executor = executorOf(config, { artifact, ca }, place);
    const url = advertisedUrl(config, http.port);
    const succession = createSuccession(options, {
      ...{ front, meter, secretKeys, executor, url, store, openStore },
    });
    // Before the API: who waits for an answer is told, and the next leader does not wait for slow clients.
    closers.push(() => succession.close());
    options.signal.addEventListener("abort", () => void close(), { once: true });
    if (options.signal.aborted) void close();
    succession.start();
    const failed = await Promise.race([succession.settled, succession.stopped]);
    if (failed !== undefined) throw failed;
    return { http, artifacts, stopped: succession.stopped, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function createApi(
  { config, log, clock, version, processMeter = null }: SchedulerOptions,
  { front, meter }: { readonly front: Front; readonly meter: Meter },
  { tokens, httpTls }: ServerAccess,
): ApiServer {
  const exposition = new Exposition({
    ...{ clock, version, meter, process: processMeter },
    // The store's word is renewed after a third of the lease.
    confirmedAgeMsMax: config.leaseTtlMs / 2,
    stance: () => front.stance(),
    census: () => front.leading()?.port.census() ?? null,
  });
  return createApiServer({
    port: front,
    metrics: {
      answered: (request) => meter.answered(request),
      failed: (error) => meter.failed(error),
      text: (connections) => exposition.text(connections),
    },
    log,
    clock,
    version,
    corsOrigins: config.corsOrigins,
    names: { bind: config.httpBind, advertise: config.httpAdvertise },
    tokens,
    tls: httpTls,
    requestsPerSecond: config.httpRequestsPerSecond,
    proxyHost: proxyHostOf(config),
    secretGraceMs: config.secretGraceSeconds * 1_000,
  });
}

const storeOpener = (options: SchedulerOptions, meter: Meter): (() => Promise<Store>) => {
  const { config, clock, storeFiles = { credentials: null, tls: null } } = options;
  const open = options.openStore ?? (() => openConfiguredStore(config, storeFiles, clock));
  return async () => {
    try {
      const store = meteredStore(await open(), meter, clock);
      meter.stored(true);
      return store;
    } catch (error) {
      meter.stored(false);
      throw error;
    }
  };
};

/** A store that this process alone can have is opened before anything else: another scheduler may have it. */
const openFirst = async (config: Config, openStore: () => Promise<Store>): Promise<Store | null> =>
  isLocalStore(config)
    ? openStore().catch((error: unknown) => {
        throw atStore(config, error);
      })
    : null;

const noFiles: MesosFiles = { secret: null, ca: null };

interface SuccessionParts {
  readonly front: Front;
  readonly meter: Meter;
  readonly secretKeys: SecretKeys;
  readonly executor: ExecutorInfo;
  readonly url: string;
  readonly store: Store | null;
  readonly openStore: () => Promise<Store>;
}

function createSuccession(options: SchedulerOptions, parts: SuccessionParts): Succession {
  const { config, clock, log, mesosFiles = noFiles, crash = noCrash } = options;
  const { front, meter, secretKeys, executor, url } = parts;
  const run = randomUUID();
  let last: Reign | null = null;
  let knownFramework: FrameworkDocument | null = null;
  let mayStartAnew = options.newFramework ?? false;
  return new Succession({
    clock,
    log,
    crash,
    front,
    meter,
    secretKeys,
    run,
    url,
    holder: encodeHolder(url, run, process.pid),
    store: parts.store,
    openStore: parts.openStore,
    explain: (error) => atStore(config, error),
    createReign: (store, leadership, state) => {
      knownFramework = last?.framework ?? knownFramework;
      last = new Reign({
        ...{ config, clock, log, mesosFiles, crash, meter, store, leadership, state, executor },
        ...{ knownFramework, secretKeys },
        mayStartAnew: () => mayStartAnew,
        registered: () => {
          mayStartAnew = false;
        },
        ending: (because) => front.waits(because),
      });
      return last;
    },
  });
}
