# The manager and the simulated robot. Build and run on the same Debian: the
# soname of its Cyclone DDS is Debian's own.
#
#   docker build -t muster .
#   docker build -t muster-robot --target robot .

FROM node:20-bookworm-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY internal/api/openapi.yaml /src/internal/api/
COPY web ./
RUN npm run build

FROM golang:1.26-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends cyclonedds-dev pkg-config && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY internal internal
COPY msgs msgs
COPY sim sim
COPY web/embed.go web/
COPY --from=web /src/web/dist web/dist
ARG VERSION=dev
RUN go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/ ./cmd/muster ./cmd/muster-sim

FROM debian:bookworm-slim AS base
RUN apt-get update && apt-get install -y --no-install-recommends libddsc0debian ca-certificates && rm -rf /var/lib/apt/lists/*

# A simulated robot: set ROBOT_ID, ROBOT_NAMESPACE and ROS_DOMAIN_ID.
FROM base AS robot
COPY --from=build /out/muster-sim /usr/local/bin/
STOPSIGNAL SIGTERM
ENTRYPOINT ["muster-sim"]
CMD ["robot"]

FROM base AS muster
COPY --from=build /out/muster /usr/local/bin/
COPY deploy/muster.yaml /etc/muster/muster.yaml
VOLUME /var/lib/muster
# Run it with network_mode: host, or with a Cyclone configuration that needs no
# multicast: DDS does not cross Docker's bridges by itself.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["muster", "health"]
ENTRYPOINT ["muster"]
CMD ["serve", "--config", "/etc/muster/muster.yaml"]
