/**
 * Owns the public surface of the test helpers. Imported by tests only.
 * SPDX-License-Identifier: Apache-2.0
 */
export * from "./certificates.js";
export * from "./docker-engine.js";
export * from "./eventually.js";
export * from "./fuzz/target.js";
export * from "./launch.js";
export * from "./mrr-site.js";
export * from "./mrr-up.js";
export * from "./network.js";
export * from "./network-site.js";
export * from "./ports.js";
export * from "./processes.js";
export * from "./prometheus.js";
export * from "./random.js";
export * from "./redis-server.js";
export * from "./secure-run.js";
export * from "./servers/etcd.js";
export * from "./servers/held-link.js";
export * from "./servers/zookeeper.js";
export * from "./store-server.js";
export * from "./virtual-clock.js";
