#!/bin/sh
# Installs what Muster's make targets need and this machine lacks. Debian 12 or
# newer, or Ubuntu 24.04 or newer; as root, or with sudo. Quick when nothing is
# missing.
#
#   deploy/install.sh run     to build and to run the demo
#   deploy/install.sh test    that, and engines, etcd, DDS peers, Docker Compose and a browser for the tests
#   deploy/install.sh check   that, and the linters
#   deploy/install.sh bench   as for test, and ddsperf
#   deploy/install.sh engine  as for test, and the newest Docker Engine; prints the directory of its programs
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
cache=$root/.cache
set_wanted=${1:-run}
missing=""

say() { printf '%s\n' "$*" >&2; }

# want PACKAGE… when the test that stands before it fails.
want() { missing="$missing $*"; }

has() { command -v "$1" >/dev/null 2>&1; }

need_run() {
  has pkg-config || want pkg-config
  has gcc || want gcc libc6-dev
  { has pkg-config && pkg-config --exists CycloneDDS; } || want cyclonedds-dev
  has npm || want nodejs npm
}

need_test() {
  has g++ || want g++
  [ -e /usr/include/fastdds/dds/domain/DomainParticipant.hpp ] || want libfastrtps-dev libfastcdr-dev
  has dockerd || want docker.io
  has etcd || want etcd-server
  [ -x /usr/sbin/sshd ] || has sshd || want openssh-server
  has ip || want iproute2
  has openssl || want openssl
  browser >/dev/null || want chromium
}

need_engine() { [ -e /usr/include/seccomp.h ] || want libseccomp-dev; }

need_bench() { has ddsperf || want cyclonedds-tools; }

need_check() { has shellcheck || want shellcheck; }

# browser prints the path of a Chromium or Chrome.
browser() {
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if has "$name"; then
      command -v "$name"
      return 0
    fi
  done
  return 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif has sudo; then
    sudo "$@"
  else
    say "deploy/install.sh: root or sudo is needed to install:$missing"
    exit 1
  fi
}

install_packages() {
  [ -n "$missing" ] || return 0
  if ! has apt-get; then
    say "deploy/install.sh: this system has no apt-get; install what these Debian packages hold:$missing"
    exit 1
  fi
  say "Installing:$missing"
  # The packages' daemons need not start: the tests start their own.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    trap 'as_root rm -f "$policy"' EXIT
  fi
  as_root apt-get update -q >&2
  # shellcheck disable=SC2086 # a list of words
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing >&2
}

# The web app's build needs a newer Node.js than Debian 12 has; npm has it as a
# package.
node_version=20.20.0
node_is_new() {
  has node && node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'
}

install_node() {
  node_is_new && return 0
  [ -x "$cache/node/node_modules/node/bin/node" ] && return 0
  say "Installing Node.js $node_version into .cache"
  mkdir -p "$cache/node"
  npm install --silent --no-audit --no-fund --prefix "$cache/node" "node@$node_version" >&2
}

# module prints the directory of a Go module, fetched where it is missing.
module() {
  (cd "$root" && go mod download -json "$1") | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p'
}

# Docker Compose as its makers ship it now, which Debian does not have: the tests
# let it look at replaced containers.
compose_version=v5.6.0
install_compose() {
  stamp="$cache/bin/.compose-$compose_version"
  [ -e "$stamp" ] && return 0
  say "Building Docker Compose $compose_version into .cache (once; some minutes)"
  mkdir -p "$cache/bin"
  (cd "$(module "github.com/docker/compose/v5@$compose_version")" && go build -o "$cache/bin/docker-compose" ./cmd)
  touch "$stamp"
}

# The newest Docker Engine, which Debian does not have, with the containerd and
# runc of its time. docker-init is Debian's.
moby_version=v2.0.0-beta.24
containerd_version=v2.4.2
runc_version=v1.5.2
engine=$cache/engine/$moby_version
install_engine() {
  stamp="$engine/.$containerd_version-$runc_version"
  [ -e "$stamp" ] && return 0
  say "Building Docker Engine (moby $moby_version) into .cache (once; some ten minutes)"
  mkdir -p "$engine/bin"
  (cd "$(module "github.com/moby/moby/v2@$moby_version")" &&
    go build -tags exclude_graphdriver_btrfs -o "$engine/bin/" \
      -ldflags "-X github.com/moby/moby/v2/dockerversion.Version=${moby_version#v}" ./cmd/dockerd ./cmd/docker-proxy)
  (cd "$(module "github.com/containerd/containerd/v2@$containerd_version")" &&
    go build -tags "no_btrfs no_zfs no_devmapper" -o "$engine/bin/" ./cmd/containerd ./cmd/containerd-shim-runc-v2)
  (cd "$(module "github.com/opencontainers/runc@$runc_version")" && go build -tags seccomp -o "$engine/bin/" .)
  touch "$stamp"
}

# The linters, at the versions that the code was checked with.
golangci_version=v2.15.0
gofumpt_version=v0.12.0
install_linters() {
  mkdir -p "$cache/bin"
  stamp="$cache/bin/.$golangci_version-$gofumpt_version"
  [ -e "$stamp" ] && return 0
  say "Building the linters into .cache (once; some minutes)"
  GOBIN="$cache/bin" go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$golangci_version"
  GOBIN="$cache/bin" go install "mvdan.cc/gofumpt@$gofumpt_version"
  touch "$stamp"
}

if ! has go; then
  say "deploy/install.sh: Go is needed; see the version in go.mod"
  exit 1
fi
case $set_wanted in
run) need_run ;;
test) need_run && need_test ;;
check) need_run && need_test && need_check ;;
bench) need_run && need_test && need_bench ;;
engine) need_run && need_test && need_engine ;;
browser) browser && exit 0 || exit 1 ;;
*)
  say "usage: deploy/install.sh run|test|check|bench|engine"
  exit 2
  ;;
esac
install_packages
install_node
if [ "$set_wanted" != run ]; then
  install_compose
fi
if [ "$set_wanted" = check ]; then
  install_linters
fi
if [ "$set_wanted" = engine ]; then
  install_engine
  echo "$engine/bin"
fi
