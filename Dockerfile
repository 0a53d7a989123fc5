# The manager and the simulated robot. Build and run on the same Debian: the
# soname of its Cyclone DDS is Debian's own.
#
#   docker build -t muster --target muster .
#   docker build -t muster-robot --target robot .
#   docker build -t muster-rclgo --target rclgo .   # on rcl, for other RMWs

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

# The manager on rcl (cmd/muster-rclgo). The build runs the transport's contract
# on both RMWs.
FROM ros:humble-ros-base AS rclgo-base
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates ros-humble-rmw-cyclonedds-cpp \
    && rm -rf /var/lib/apt/lists/*

FROM rclgo-base AS rclgo-build
RUN apt-get update && apt-get install -y --no-install-recommends gcc g++ libc6-dev make git && rm -rf /var/lib/apt/lists/*
COPY --from=golang:1.26-bookworm /usr/local/go /usr/local/go
ENV PATH=/usr/local/go/bin:$PATH
SHELL ["/bin/bash", "-c"]
WORKDIR /src
COPY go.mod go.sum Makefile ./
COPY cmd cmd
COPY internal internal
COPY msgs msgs
COPY sim sim
COPY web/embed.go web/
COPY --from=web /src/web/dist web/dist
ARG VERSION=dev
RUN source /opt/ros/humble/setup.bash \
    && RMW_IMPLEMENTATION=rmw_fastrtps_cpp make -o web/dist/index.html rclgo VERSION=$VERSION \
    && RMW_IMPLEMENTATION=rmw_cyclonedds_cpp make -o web/dist/index.html rclgo VERSION=$VERSION

# Message packages of a site's own belong into an image built on this one.
FROM rclgo-base AS rclgo
COPY --from=rclgo-build /src/bin/muster-rclgo /usr/local/bin/
COPY deploy/muster.yaml /etc/muster/muster.yaml
VOLUME /var/lib/muster
# The base image's entry point sources ROS 2, which a health check goes round.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["/ros_entrypoint.sh", "muster-rclgo", "health"]
CMD ["muster-rclgo", "serve", "--config", "/etc/muster/muster.yaml"]

# What is built when no target is named.
FROM muster
