# The service in two stages: built with everything, run with what it needs. docs/kubernetes.md says how it is meant to be run.

FROM node:24-slim AS build
WORKDIR /app
# All at once: the workspaces' package.json files are part of what `npm ci` reads. .dockerignore keeps out what is not built from.
COPY . .
# No install scripts: none of the packages that run here needs one, and they are other people's code.
ENV SCARF_ANALYTICS=false
RUN npm ci --ignore-scripts --no-audit --no-fund
RUN npm run build
# The workspaces stay, as links into libs/; their sources are not needed any more.
RUN npm prune --omit=dev --ignore-scripts --no-audit --no-fund && rm -rf libs/*/src libs/*/test
# Made here, since the last stage runs nothing as root: a new volume takes over whom the directory belongs to.
RUN mkdir /data && chown node:node /data

FROM node:24-slim
# Stack traces and error pages of frameworks are for development; chaos is refused unless it is allowed by name.
ENV NODE_ENV=production
WORKDIR /app
# All of it belongs to root and is only read: the process cannot change its own code.
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/libs ./libs
COPY --from=build /app/dist ./dist
COPY --from=build /app/workflows ./workflows
COPY --from=build --chown=node:node /data /data

# The one place that is written to: database, spill, archive.
ENV DATA_DIR=/data
# SQLite sorts on disk what is too large for memory, and finds no /tmp under a read-only root.
ENV SQLITE_TMPDIR=/data
VOLUME /data

USER node
EXPOSE 3000
# For `docker run`; Kubernetes has its own probes and does not look at it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 3000) + '/health/live').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# No shell and no npm in between: SIGTERM must reach the process itself.
CMD ["node", "dist/main.js"]
