# The proxy. Build context: the directory of a release (`npm run release`).
#   docker build -f deploy/docker/proxy.Dockerfile --build-arg VERSION=0.1.0 -t mr-redis-proxy:0.1.0 dist-release
#   docker run --network host mr-redis-proxy:0.1.0 -scheduler http://10.0.0.1:5656
# BASE: any Linux with glibc, /bin/sh, tar, sha256sum and Node 20.19 or later as `node`.
# SPDX-License-Identifier: Apache-2.0
ARG BASE=node:20-bookworm-slim

FROM ${BASE} AS unpacked
ARG VERSION
COPY SHA256SUMS mr-redis-proxy-${VERSION}-linux.tar.gz /tmp/release/
RUN cd /tmp/release \
 && grep "  mr-redis-proxy-${VERSION}-linux.tar.gz$" SHA256SUMS | sha256sum --check - \
 && mkdir -p /opt/mr-redis /var/lib/mr-redis \
 && tar -xf mr-redis-proxy-${VERSION}-linux.tar.gz -C /opt/mr-redis --strip-components=1

FROM ${BASE}
ARG UID=65532
COPY --from=unpacked /opt/mr-redis /opt/mr-redis
COPY --from=unpacked --chown=${UID}:${UID} /var/lib/mr-redis /var/lib/mr-redis
USER ${UID}:${UID}
ENV XDG_STATE_HOME=/var/lib/mr-redis
WORKDIR /var/lib/mr-redis
VOLUME /var/lib/mr-redis
# -http-port, where it is another one: -e MRR_HEALTH_PORT=...
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.MRR_HEALTH_PORT || 7979}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/opt/mr-redis/bin/mrr-proxy"]
