# One image for all processes: the API by default, the worker with `node dist/src/main/worker.js`, the command line
# with `tenant-cli`. It runs as nobody in particular and writes nothing: start it with `--read-only`; a worker makes
# its dumps in /tmp, so give it `--tmpfs /tmp`. Every setting comes from the environment; no secret is in the image.
ARG NODE_IMAGE=node:22-alpine3.22

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The compiler alone is needed, and none of the packages' own scripts.
RUN npm ci --omit=optional --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/prepare.mjs scripts/build.mjs scripts/
COPY src src
RUN npm run build

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional

FROM ${NODE_IMAGE}
# Must be at least as new as the database servers: templates are made by pg_dump.
ARG POSTGRES_CLIENT=postgresql17-client
ARG VERSION=dev
LABEL org.opencontainers.image.title="tenant-manager" \
      org.opencontainers.image.description="Gives every customer organization its own PostgreSQL database" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}"
RUN apk add --no-cache ${POSTGRES_CLIENT}
WORKDIR /app
COPY package.json package-lock.json ./
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist/src dist/src
COPY migrations migrations
COPY samples samples
COPY scripts/prepare.mjs scripts/prepare.mjs
COPY bin bin
RUN ln -s /app/bin/tenant-cli.js /usr/local/bin/tenant-cli
ENV NODE_ENV=production
EXPOSE 3001 9090
USER node
STOPSIGNAL SIGTERM
# Every process answers there, the worker included.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.METRICS_PORT || 9090) + '/health/live').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/src/main/api.js"]
