# What ExecutorImage names: node, redis-server and the executor as `mr-redis-executor` on PATH. Mesos starts it, on each agent.
# Build context: the directory of a release (`npm run release`).
#   docker build -f deploy/docker/executor.Dockerfile --build-arg VERSION=0.1.0 -t mr-redis-executor:0.1.0 dist-release
# BASE: any Linux with glibc, /bin/sh, tar, sha256sum and Node 20.19 or later as `node`; where it has no redis-server, one
# that has apt-get. UID: of the user of UserName on the agents, who owns the sandbox.
# SPDX-License-Identifier: Apache-2.0
ARG BASE=node:20-bookworm-slim

FROM ${BASE} AS unpacked
ARG VERSION
COPY SHA256SUMS mr-redis-executor-${VERSION}-linux.tar.gz /tmp/release/
RUN cd /tmp/release \
 && grep "  mr-redis-executor-${VERSION}-linux.tar.gz$" SHA256SUMS | sha256sum --check - \
 && tar -xf mr-redis-executor-${VERSION}-linux.tar.gz -C /opt

FROM ${BASE}
ARG UID=65532
RUN command -v redis-server \
 || (apt-get update && apt-get install -y --no-install-recommends redis-server && rm -rf /var/lib/apt/lists/*)
COPY --from=unpacked /opt/mr-redis-executor /opt/mr-redis-executor
RUN ln -s /opt/mr-redis-executor/mr-redis-executor /usr/local/bin/mr-redis-executor
USER ${UID}:${UID}
# The executor speaks to its agent alone, which ends it when it is silent: there is nothing to ask it.
HEALTHCHECK --interval=60s --timeout=5s CMD ["redis-server", "--version"]
CMD ["mr-redis-executor"]
