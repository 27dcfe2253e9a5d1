# The scheduler. Build context: the directory of a release (`npm run release`).
#   docker build -f deploy/docker/scheduler.Dockerfile --build-arg VERSION=0.1.0 -t mr-redis-scheduler:0.1.0 dist-release
# BASE: any Linux with glibc, /bin/sh, tar, sha256sum and Node 20.19 or later as `node`.
# SPDX-License-Identifier: Apache-2.0
ARG BASE=node:20-bookworm-slim

FROM ${BASE} AS unpacked
ARG VERSION
COPY SHA256SUMS mr-redis-scheduler-${VERSION}-linux.tar.gz /tmp/release/
RUN cd /tmp/release \
 && grep "  mr-redis-scheduler-${VERSION}-linux.tar.gz$" SHA256SUMS | sha256sum --check - \
 && mkdir -p /opt/mr-redis /var/lib/mr-redis \
 && tar -xf mr-redis-scheduler-${VERSION}-linux.tar.gz -C /opt/mr-redis --strip-components=1

FROM ${BASE}
ARG UID=65532
COPY --from=unpacked /opt/mr-redis /opt/mr-redis
COPY --from=unpacked --chown=${UID}:${UID} /var/lib/mr-redis /var/lib/mr-redis
USER ${UID}:${UID}
WORKDIR /var/lib/mr-redis
VOLUME /var/lib/mr-redis
EXPOSE 5656 5454
# HTTPPort, where it is another one: -e MRR_HEALTH_PORT=...
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.MRR_HEALTH_PORT || 5656}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/opt/mr-redis/bin/mrr-scheduler"]
CMD ["-config=/etc/mr-redis/config.json"]
